//! The fixture images: made once by `scripts/fixtures.sh`, kept in a directory that test runs share.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Output;

/// The directory of the image archives: `$HYTHE_FIXTURES`, else `/var/cache/hythe-fixtures`.
pub fn dir() -> PathBuf {
    crate::env("HYTHE_FIXTURES").map_or_else(|| PathBuf::from("/var/cache/hythe-fixtures"), PathBuf::from)
}

/// The archive of one image (`busybox`, `debian`, `redis`, `nginx`, `python`), made now if it is not there.
///
/// # Panics
/// If it cannot be made.
pub fn archive(image: &str) -> PathBuf {
    let dir = dir();
    let path = dir.join(format!("{image}.tar"));
    if !path.exists() {
        let script = workspace().join("scripts/fixtures.sh");
        Output::of(Command::new(script).arg(&dir).arg(image)).ok();
    }
    path
}

/// The root of the project's checkout.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/testkit is two below")
        .to_path_buf()
}
