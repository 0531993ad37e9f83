//! `cargo xtask dist`: the programs as they are installed.
//!
//! The shim and the client are built apart from the daemon: statically linked at a fixed address. Of the shim one is
//! mapped per container, every relocation would make a page of it private, and it must run inside any root tree. The
//! client lives for milliseconds, of which the dynamic loader and relocations would take a good part. Both take musl as C
//! library where the toolchain has it: a program of glibc, static or not, starts with dozens of `cpuid` instructions, each
//! of which leaves a virtual machine (0.7 ms against 0.1 ms measured, twice in the way of every `run`). The daemon starts
//! once and profits from glibc's allocator.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler for the few C and assembler files (of `ring`) in a program of musl; Debian's package `musl-tools`.
const MUSL_CC: &str = "musl-gcc";

/// The Rust target of static programs: musl if Rust's library and a C compiler for it are installed, else glibc. Naming
/// it also keeps its flags away from build scripts and procedural macros.
fn target() -> String {
    let musl = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let rust = Command::new("rustc").args(["--print", "target-libdir", "--target", &musl]).output();
    let has_rust = rust.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists()
    });
    let has_cc = Command::new(MUSL_CC).arg("--version").output().is_ok_and(|output| output.status.success());
    if has_rust && has_cc {
        return musl;
    }
    eprintln!("xtask: no {musl} target or no {MUSL_CC}: building with glibc, programs start slower");
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Builds everything and returns the directory with the programs.
pub(crate) fn build() -> Result<PathBuf, String> {
    let target_dir = target_dir();
    let mut daemon = Command::new(cargo());
    daemon.args(["build", "--release", "-p", "daemon"]);
    run(&mut daemon)?;

    shim()?;
    let client = build_static("client", "cli", "hythe")?;
    let dist = dist_dir()?;
    put(&target_dir.join("release/hythed"), &dist.join("hythed"))?;
    put(&client, &dist.join("hythe"))?;
    Ok(dist)
}

/// Builds the shim alone, as it is installed, and returns its path, `target/dist/hythe-shim` whatever its C library.
/// Tests use it too: a shim that needs the dynamic loader cannot become the init process of a container that has none.
pub(crate) fn shim() -> Result<PathBuf, String> {
    let built = build_static("shim", "shim", "hythe-shim")?;
    let shim = dist_dir()?.join("hythe-shim");
    put(&built, &shim)?;
    Ok(shim)
}

/// Copies a program to its place. A running program cannot be overwritten, but it can be replaced.
fn put(from: &Path, to: &Path) -> Result<(), String> {
    let _ = std::fs::remove_file(to);
    std::fs::copy(from, to)
        .map(drop)
        .map_err(|error| format!("copy {} to {}: {error}", from.display(), to.display()))
}

/// Builds one program of a package so that it needs neither a loader nor relocations, and returns its path.
fn build_static(profile: &str, package: &str, program: &str) -> Result<PathBuf, String> {
    let target = target();
    let mut build = Command::new(cargo());
    build.args(["build", "--profile", profile, "-p", package, "--bin", program, "--target", &target]);
    build.env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static");
    if target.ends_with("musl") {
        build.env(format!("CC_{}", target.replace('-', "_")), MUSL_CC);
    }
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

/// The directory of the programs as they are installed, made if need be.
fn dist_dir() -> Result<PathBuf, String> {
    let dist = target_dir().join("dist");
    std::fs::create_dir_all(&dist).map_err(|error| format!("make {}: {error}", dist.display()))?;
    Ok(dist)
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("start {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
