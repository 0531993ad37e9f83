//! The kit of the black-box tests: private daemons, fixture images, registries on loopback, a state checker and a leak
//! checker.
//!
//! A test starts with a [`Daemon`]: a real `hythed` in network and mount namespaces of its own, with its own data root,
//! state directory, socket and cgroup, so that tests run side by side and never touch the machine's network. When the
//! value is dropped, the [state checker](statecheck) compares records, disk and kernel; then every container is removed,
//! the daemon is stopped and the [leak checker](leakcheck) compares what is left with what was there before. What does
//! not agree and what is left fail the test.
//!
//! Everything is judged through the public door: the `hythe` and `docker` command lines, the API socket, and traffic.

mod api;
mod daemon;
pub mod fixture;
pub mod leakcheck;
mod output;
mod registry;
mod sandbox;
pub mod skip;
pub mod statecheck;
pub mod wait;

pub use api::{Answer, Api};
pub use daemon::{Daemon, Options};
pub use output::Output;
pub use registry::Registry;
pub use sandbox::{Outside, Sandbox};

use std::path::PathBuf;

/// The path of one of the project's programs, built beside the running test (or in `$HYTHE_BIN`).
///
/// # Panics
/// If it is not built: `scripts/test.sh` builds everything first.
pub fn program(name: &str) -> PathBuf {
    let dir = env("HYTHE_BIN").map_or_else(
        || {
            // target/<profile>/deps/<test>-<hash> -> target/<profile>
            let test = std::env::current_exe().expect("the test's own path");
            test.ancestors().nth(2).expect("a target directory above the test").to_path_buf()
        },
        PathBuf::from,
    );
    let path = dir.join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --workspace` first", path.display());
    path
}

/// The shim as it is installed: `$HYTHE_SHIM`, else where `cargo xtask shim` puts it.
///
/// # Panics
/// If it is not built.
pub fn shim() -> PathBuf {
    let path = env("HYTHE_SHIM").map_or_else(
        || {
            // target/<profile>/deps/<test>-<hash> -> target/dist/hythe-shim
            let test = std::env::current_exe().expect("the test's own path");
            let target = test.ancestors().nth(3).expect("a target directory above the test");
            target.join("dist/hythe-shim")
        },
        PathBuf::from,
    );
    assert!(path.exists(), "{} is not built: run `cargo xtask shim` first", path.display());
    path
}

/// An environment variable, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the kit is configured by the test run's environment")]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
