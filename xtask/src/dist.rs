//! `cargo xtask dist`: the programs as they are installed.
//!
//! The shim and the client are built apart from the daemon: statically linked at a fixed address. Of the shim one is
//! mapped per container, every relocation would make a page of it private, and it must run inside any root tree. The
//! client lives for milliseconds, of which the dynamic loader and relocations would take a good part. The daemon looks up
//! host names, which a static glibc cannot do, so it stays dynamic.

use std::path::PathBuf;
use std::process::Command;

/// The Rust target of static programs. Naming it keeps its flags away from build scripts and procedural macros.
fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Builds everything and returns the directory with the programs.
pub(crate) fn build() -> Result<PathBuf, String> {
    let target_dir = target_dir();
    let mut daemon = Command::new(cargo());
    daemon.args(["build", "--release", "-p", "daemon"]);
    run(&mut daemon)?;

    let (shim, client) = (shim()?, build_static("client", "cli", "hythe")?);
    let dist = target_dir.join("dist");
    std::fs::create_dir_all(&dist).map_err(|error| format!("make {}: {error}", dist.display()))?;
    let release = target_dir.join("release");
    for (from, name) in [(client, "hythe"), (release.join("hythed"), "hythed"), (shim, "hythe-shim")] {
        let to = dist.join(name);
        // A running program cannot be overwritten, but it can be replaced.
        let _ = std::fs::remove_file(&to);
        std::fs::copy(&from, &to)
            .map_err(|error| format!("copy {} to {}: {error}", from.display(), to.display()))?;
    }
    Ok(dist)
}

/// Builds the shim alone, as it is installed, and returns its path. Tests use it too: a shim that needs the dynamic
/// loader cannot become the init process of a container that has none.
pub(crate) fn shim() -> Result<PathBuf, String> {
    build_static("shim", "shim", "hythe-shim")
}

/// Builds one program of a package so that it needs neither a loader nor relocations, and returns its path.
fn build_static(profile: &str, package: &str, program: &str) -> Result<PathBuf, String> {
    let target = target();
    let mut build = Command::new(cargo());
    build.args(["build", "--profile", profile, "-p", package, "--bin", program, "--target", &target]);
    build.env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static");
    run(&mut build)?;
    Ok(target_dir().join(target).join(profile).join(program))
}

fn cargo() -> String {
    testkit::env("CARGO").unwrap_or_else(|| "cargo".to_owned())
}

fn target_dir() -> PathBuf {
    testkit::env("CARGO_TARGET_DIR")
        .map_or_else(|| testkit::fixture::workspace().join("target"), PathBuf::from)
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("start {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
