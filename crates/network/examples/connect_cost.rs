//! What a container's network costs, step by step: `unshare -n cargo run --release -p network --example connect_cost`.
//!
//! Prints for each step the median of its time, the median of its processor time (which a busy machine hardly changes) and
//! its worst time, in microseconds. Must run in a network namespace of its own: it makes a
//! bridge and a firewall table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use network::{Config, EndpointRequest, Networks, PortRequest};
use store::Store;

const ROUNDS: usize = 100;

/// Processor time of this thread so far.
fn processor() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

fn main() -> errdefs::Result<()> {
    let dir = tempfile::tempdir()?;
    let store = Arc::new(Store::open(&dir.path().join("db"))?);
    let networks = Networks::open(Config { ready_namespaces: ROUNDS, ..Config::default() }, store)?;
    for ports in [0, 1, 10, 1000] {
        let mut steps: [(&str, Vec<(Duration, Duration)>); 4] =
            [("take", vec![]), ("reserve", vec![]), ("connect", vec![]), ("release", vec![])];
        for round in 0..ROUNDS {
            let request = EndpointRequest {
                container_id: format!("c{round}"),
                network: "bridge".to_owned(),
                default_routes: network::Families::BOTH,
                ports: (0..ports)
                    .map(|n| PortRequest::parse("80/tcp", "", &(10_000 + n).to_string()))
                    .collect::<Result<_, _>>()?,
                ..EndpointRequest::default()
            };
            let mut clock = (Instant::now(), processor());
            let mut lap = |step: usize| {
                steps[step].1.push((clock.0.elapsed(), processor() - clock.1));
                clock = (Instant::now(), processor());
            };
            let netns = networks.take_netns()?;
            lap(0);
            let reservation = networks.reserve(&request)?;
            lap(1);
            networks.connect(&reservation.endpoint, &netns, "eth0")?;
            lap(2);
            networks.release(&request.container_id)?;
            lap(3);
        }
        println!("{ports} ports:");
        for (name, mut times) in steps {
            let worst = times.iter().map(|(time, _)| *time).max().unwrap_or_default();
            let mut median = |of: fn(&(Duration, Duration)) -> Duration| {
                times.sort_by_key(of);
                of(&times[ROUNDS / 2]).as_micros()
            };
            let (time, busy) = (median(|time| time.0), median(|time| time.1));
            println!("  {name:8} p50 {time:6} cpu {busy:6} max {:6} us", worst.as_micros());
        }
    }
    Ok(())
}
