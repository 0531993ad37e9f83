//! Applies a layer's tar and prints how long it took: `cargo run --release -p snapshot --example apply -- TAR DIR`.

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use snapshot::{ApplyOptions, Snapshots};

fn main() -> errdefs::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(tar), Some(root)) = (arguments.next(), arguments.next()) else {
        return Err(errdefs::invalid("usage: apply TAR DIR"));
    };
    let snapshots = Snapshots::open(&root)?;
    let start = Instant::now();
    let applied = snapshots.apply(&ApplyOptions::default(), File::open(tar)?)?;
    println!("{} {} bytes in {:?}", applied.diff_id, applied.size, start.elapsed());
    println!("{}", snapshots.layer_dir(&applied.diff_id).display());
    Ok(())
}
