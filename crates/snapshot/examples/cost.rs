//! Prints what the steps of making and removing a container's layers cost: `cargo run --release --example cost -- DIR`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use snapshot::tarball::{Entry, Kind, Writer};
use snapshot::{ApplyOptions, MountOptions, Snapshots};

const ROUNDS: usize = 200;
const LAYERS: usize = 8;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() -> errdefs::Result<()> {
    let root =
        std::env::args_os().nth(1).map(PathBuf::from).ok_or_else(|| errdefs::invalid("usage: cost DIR"))?;
    let snapshots = Snapshots::open(&root)?;
    let mut layers = Vec::new();
    for n in 0..LAYERS {
        let mut tar = Writer::new(Vec::new());
        tar.append(&Entry::new(format!("etc/file{n}"), Kind::File, 0o644), &mut std::io::empty())?;
        layers.push(snapshots.apply(&ApplyOptions::default(), tar.finish()?.as_slice())?.diff_id);
    }
    let mut steps: [(&str, Vec<Duration>); 6] =
        ["lowers", "create", "mount", "unmount", "changes", "remove"].map(|name| (name, Vec::new()));
    for round in 0..ROUNDS {
        let id = format!("cost{round}");
        let mut start = Instant::now();
        let mut step = |at: usize| {
            steps[at].1.push(start.elapsed());
            start = Instant::now();
        };
        let lowers = snapshots.container_lowers(&layers)?;
        step(0);
        let writable = snapshots.create_writable(&id, &lowers)?;
        step(1);
        let mount = snapshots.mount_detached(&lowers, Some(&writable), MountOptions::default())?;
        step(2);
        drop(mount);
        step(3);
        snapshots.changes(&id, &lowers)?;
        step(4);
        snapshots.remove_writable(&id)?;
        step(5);
    }
    let start = Instant::now();
    snapshots.empty_trash()?;
    let rounds = u32::try_from(ROUNDS).expect("few");
    println!("trash {:?} each", start.elapsed() / rounds);
    for (name, times) in steps {
        println!("{name} {:?}", median(times));
    }
    Ok(())
}
