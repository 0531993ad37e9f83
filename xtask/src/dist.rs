//! `cargo xtask dist`: the programs as they are installed.
//!
//! The shim is built apart from the rest: statically linked at a fixed address, because one is mapped per container and
//! every relocation would make a page of it private, and because it must run inside any root tree. The client and the
//! daemon look up host names, which a static glibc cannot do, so they stay dynamic.

use std::path::PathBuf;
use std::process::Command;

/// The Rust target the shim is built for. Naming it keeps its flags away from build scripts and procedural macros.
fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Builds everything and returns the directory with the programs.
pub(crate) fn build() -> Result<PathBuf, String> {
    let target_dir = target_dir();
    let mut programs = Command::new(cargo());
    programs.args(["build", "--release", "-p", "cli", "-p", "daemon"]);
    run(&mut programs)?;

    let shim = shim()?;
    let dist = target_dir.join("dist");
    std::fs::create_dir_all(&dist).map_err(|error| format!("make {}: {error}", dist.display()))?;
    let release = target_dir.join("release");
    for (from, name) in
        [(release.join("hythe"), "hythe"), (release.join("hythed"), "hythed"), (shim, "hythe-shim")]
    {
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
    let target = target();
    let mut shim = Command::new(cargo());
    shim.args(["build", "--profile", "shim", "-p", "shim", "--bin", "hythe-shim", "--target", &target]);
    shim.env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static");
    run(&mut shim)?;
    Ok(target_dir().join(target).join("shim/hythe-shim"))
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
