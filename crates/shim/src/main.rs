//! `hythe-shim`: the supervisor of one container; by other names and arguments the OCI runtime on the command line, and
//! the init that `docker run --init` puts into a container.
//!
//! Built static by `cargo xtask shim`, so that it maps nothing else and runs as a container's init.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::exit;

#[cfg(target_env = "musl")]
#[global_allocator]
static HEAP: sys::heap::Heap = sys::heap::Heap;

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
