//! Project tasks that need more than cargo.
//!
//! `cargo xtask dist` builds the programs as they are installed, into `target/dist`.
//! `cargo xtask shim` builds only the shim, as it is installed: what the black-box tests need of it.
//! `cargo xtask spec` makes the lists of operations and flags that docs/compatibility.md is held against.
//! `cargo xtask bench` compares Hythe with Docker and Podman and prints the table of docs/benchmarks.md.

mod bench;
mod dist;
mod spec;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask dist
       cargo xtask shim
       cargo xtask spec SWAGGER FLAGS
       cargo xtask bench [--runs N] [--full] [ROW...]   rows are named by what they print; --full adds the long ones";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        Some("shim") => dist::shim().map(|path| println!("{}", path.display())),
        Some("dist") => dist::build().map(|dir| println!("{}", dir.display())),
        Some("bench") => bench::run(&args[1..]),
        Some("spec") => spec::run(&args[1..]),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
