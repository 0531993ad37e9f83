//! What is in a daemon's directories, by the names that records know it by.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Names of what was found.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// `containers/ID`.
    pub containers: BTreeSet<String>,
    /// `snapshots/containers/ID`, whole ones; a writable layer without its two directories is in `broken`.
    pub writables: BTreeSet<String>,
    /// `snapshots/layers/HEX`.
    pub layers: BTreeSet<String>,
    /// `volumes/NAME`.
    pub volumes: BTreeSet<String>,
    /// `content/blobs/sha256/HEX`.
    pub blobs: BTreeSet<String>,
    /// `run/containers/ID`, with the names of the files in it.
    pub runs: BTreeSet<String>,
    /// State directories with a socket.
    pub sockets: BTreeSet<String>,
    /// What waits for its deletion or its completion.
    pub waiting: BTreeSet<String>,
    /// What is there and not whole.
    pub broken: BTreeSet<String>,
}

impl Disk {
    /// Reads the names below a daemon's directory.
    pub fn read(dir: &Path) -> Self {
        let data = dir.join("data");
        let snapshots = data.join("snapshots");
        let mut disk = Self {
            containers: names(&data.join("containers")),
            writables: names(&snapshots.join("containers")),
            layers: names(&snapshots.join("layers")),
            volumes: names(&data.join("volumes")),
            blobs: names(&data.join("content/blobs/sha256")),
            runs: names(&dir.join("run/containers")),
            ..Self::default()
        };
        disk.volumes.remove(".trash");
        for place in ["snapshots/staging", "snapshots/trash", "volumes/.trash"] {
            disk.waiting.extend(names(&data.join(place)).into_iter().map(|name| format!("{place}/{name}")));
        }
        let runs = dir.join("run/containers");
        disk.sockets =
            disk.runs.iter().filter(|id| runs.join(id).join("shim.sock").exists()).cloned().collect();
        let needs = [
            (&disk.writables, snapshots.join("containers"), "upper"),
            (&disk.writables, snapshots.join("containers"), "work"),
            (&disk.layers, snapshots.join("layers"), "fs"),
            (&disk.layers, snapshots.join("layers"), "info"),
            (&disk.volumes, data.join("volumes"), "_data"),
        ];
        let mut broken = BTreeSet::new();
        for (names, home, part) in needs {
            let missing = names.iter().filter(|name| !home.join(name).join(part).exists());
            broken.extend(missing.map(|name| format!("{}/{name} has no {part}", home.display())));
        }
        disk.broken = broken;
        disk
    }
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
