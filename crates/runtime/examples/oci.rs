//! The OCI command line alone, as the tests run it; `hythe-shim` is the program that has it in the product.
//!
//! `plan` reads a plan as JSON from standard input, runs it and exits as its process did: what the shim does, without a shim.

use std::io::Read;

use rustix::process::{WaitId, WaitIdOptions, waitid};

fn main() {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let first = args.first().and_then(|first| first.to_str()).unwrap_or_default();
    std::process::exit(match first {
        "docker-init" => runtime::init::main(args.into_iter().skip(1), std::env::vars_os()),
        "plan" => plan(),
        _ => runtime::cli::main(&args),
    });
}

fn plan() -> i32 {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).expect("read the plan");
    let plan: runtime::Plan = serde_json::from_slice(&text).expect("decode the plan");
    let created = runtime::create(&plan, runtime::Io::Inherit, runtime::Given::default());
    let mut created = match created.and_then(runtime::Creating::wait) {
        Ok(created) => created,
        Err(error) => {
            eprintln!("{error}");
            return error.exit_code();
        }
    };
    let started = created.start();
    let status = waitid(WaitId::PidFd(std::os::fd::AsFd::as_fd(&created.pidfd)), WaitIdOptions::EXITED);
    if let Some(cgroup) = created.cgroup.take() {
        cgroup.remove().expect("remove the group");
    }
    if let Err(error) = started {
        eprintln!("{error}");
        return error.exit_code();
    }
    let status = status.expect("wait").expect("an exit status");
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(255)
}
