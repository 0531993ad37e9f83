//! What a container's network costs, step by step: `unshare -n cargo run --release -p network --example connect_cost`.
//!
//! Prints the median and the worst of each step in microseconds. Must run in a network namespace of its own: it makes a
//! bridge and a firewall table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use network::{Config, EndpointRequest, Networks, PortRequest};
use store::Store;

const ROUNDS: usize = 100;

fn main() -> errdefs::Result<()> {
    let dir = tempfile::tempdir()?;
    let store = Arc::new(Store::open(&dir.path().join("db"))?);
    let networks = Networks::open(Config { ready_namespaces: ROUNDS, ..Config::default() }, store)?;
    for ports in [0, 1, 10, 1000] {
        let mut steps: [(&str, Vec<Duration>); 4] =
            [("take", vec![]), ("reserve", vec![]), ("connect", vec![]), ("release", vec![])];
        for round in 0..ROUNDS {
            let request = EndpointRequest {
                container_id: format!("c{round}"),
                network: "bridge".to_owned(),
                default_route: true,
                ports: (0..ports)
                    .map(|n| PortRequest::parse("80/tcp", "", &(10_000 + n).to_string()))
                    .collect::<Result<_, _>>()?,
                ..EndpointRequest::default()
            };
            let mut clock = Instant::now();
            let mut lap = |step: usize| {
                steps[step].1.push(clock.elapsed());
                clock = Instant::now();
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
            times.sort();
            println!(
                "  {name:8} p50 {:6} max {:6} us",
                times[ROUNDS / 2].as_micros(),
                times[ROUNDS - 1].as_micros()
            );
        }
    }
    Ok(())
}
