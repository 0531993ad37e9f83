//! `hythe-shim`: the supervisor of one container; by other names and arguments the OCI runtime on the command line, and
//! the init that `docker run --init` puts into a container.
//!
//! Built static, so that it maps nothing else and runs as a container's init:
//! `RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --profile shim --target
//! x86_64-unknown-linux-gnu -p shim --bin hythe-shim` (the target is named so that the flags do not reach proc macros).

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::exit;

/// The name the program has where it is a container's first process.
const INIT: &str = "docker-init";

fn main() {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let args: Vec<OsString> = args.collect();
    if Path::new(&name).file_name() == Some(OsStr::new(INIT)) {
        exit(runtime::init::main(args, std::env::vars_os()));
    }
    if let Some(status) = shim::supervisor::main(&args) {
        exit(status);
    }
    if runtime::cli::is_call(&args) {
        exit(runtime::cli::main(&args));
    }
    eprintln!(
        "hythe-shim: started by hythed for each container; as an OCI runtime: hythe-shim create|start|..."
    );
    exit(2);
}
