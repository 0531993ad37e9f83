//! `docker run --init`: the container's first process when its program is not made to be one.
//!
//! Called as `docker-init -- PROGRAM ARGS`. It starts the program as its child, passes signals on to it, reaps every
//! orphan, and exits as the child did. It has one thread, and takes signals one at a time by `sigwaitinfo`.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, wait, waitid};
use sys::exec::{Strings, execve};
use sys::fork::{exit_now, fork};
use sys::signal;

/// `SIGCHLD`.
const CHILD: i32 = 17;
/// Signals about the terminal, which the child gets from the terminal itself, being in its foreground.
const TERMINAL: [i32; 2] = [21, 22];
/// Standard exit codes of a shell for a program that cannot be executed, and one that is not there.
const CANNOT_EXECUTE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Runs `args` (without the program's own name) as the child of this process; returns the exit code to exit with.
pub fn main(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> i32 {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.first().is_some_and(|first| first == "--") {
        args.remove(0);
    }
    if args.is_empty() {
        eprintln!("docker-init: no program given");
        return CANNOT_EXECUTE;
    }
    let env: Vec<(OsString, OsString)> = env.into_iter().collect();
    // Before the fork, so that nothing is missed; the child unblocks them.
    signal::block_all();
    // Not `clone3`, which Docker's filter forbids in a container.
    match fork() {
        Ok(None) => run(&args, &env),
        Ok(Some(child)) => attend(child),
        Err(error) => {
            eprintln!("docker-init: {error}");
            CANNOT_EXECUTE
        }
    }
}

/// The child: a process group of its own, in the terminal's foreground if there is a terminal.
fn run(args: &[OsString], env: &[(OsString, OsString)]) -> ! {
    let own = rustix::process::getpid();
    let _ = rustix::process::setpgid(None, None);
    // Fails without a terminal, which is fine. Changing it from the background raises SIGTTOU, still blocked here.
    let _ = rustix::termios::tcsetpgrp(rustix::stdio::stdin(), own);
    signal::reset_all();
    let strings = |list: Vec<OsString>| {
        list.into_iter().map(|text| CString::new(text.into_vec()).unwrap_or_default()).collect::<Vec<_>>()
    };
    let argv = Strings::new(strings(args.to_vec()));
    let pairs = env.iter().map(|(name, value)| {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        pair
    });
    let envp = Strings::new(strings(pairs.collect()));
    let mut missing = true;
    for path in candidates(&args[0], env) {
        let Ok(path) = CString::new(path.into_vec()) else { continue };
        let errno = execve(&path, &argv, &envp);
        missing &= matches!(errno, rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR);
    }
    eprintln!(
        "docker-init: exec {}: {}",
        args[0].display(),
        if missing { "not found" } else { "cannot be executed" }
    );
    exit_now(if missing { NOT_FOUND } else { CANNOT_EXECUTE })
}

/// Where the program may be.
fn candidates(program: &OsString, env: &[(OsString, OsString)]) -> Vec<OsString> {
    let name = program.clone().into_vec();
    if name.contains(&b'/') {
        return vec![program.clone()];
    }
    let path =
        env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone()).unwrap_or_default();
    path.into_vec()
        .split(|&byte| byte == b':')
        .map(|dir| OsString::from_vec([if dir.is_empty() { b"." } else { dir }, b"/", &name].concat()))
        .collect()
}

/// The parent: signals to the child, orphans to the grave.
fn attend(child: Pid) -> i32 {
    loop {
        match signal::wait_any() {
            Ok(CHILD) => {
                if let Some(code) = reap(child) {
                    return code;
                }
            }
            Ok(number) if TERMINAL.contains(&number) => {}
            // It may have exited: then its end is the next thing we hear of.
            Ok(number) => drop(signal::send_to(child, number)),
            // Interrupted; nothing is lost.
            Err(_) => {}
        }
    }
}

/// Reaps all that has exited; the exit code if the child is among them.
fn reap(child: Pid) -> Option<i32> {
    let mut code = None;
    // A stopped child is of no interest: only its end.
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == child {
            code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
        }
    }
    code
}

/// Waits for a child and gives the shell's exit code of it.
pub(crate) fn wait_code(pid: Pid) -> Option<i32> {
    let status = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED)).ok()??;
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
}
