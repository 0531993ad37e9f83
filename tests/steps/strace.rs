//! Killing a daemon before its k-th call of one kind, by `strace`: the program is the one that is installed.
//!
//! `strace` counts calls by kind and thread from the moment it attaches. A request is worked on by one thread, so "the
//! k-th `mkdirat`" is the same step each time; where two threads work, the first of them that gets so far is meant. What
//! the daemon executes (shims) is left alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Daemon, wait};

/// Calls that change something that outlives the daemon: files, records, mounts, links, rules, processes.
const CALLS: &[&str] = &[
    "openat",
    "openat2",
    "mkdir",
    "mkdirat",
    "mknodat",
    "unlink",
    "unlinkat",
    "rmdir",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "syncfs",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "fchownat",
    "setxattr",
    "fsetxattr",
    "lsetxattr",
    "utimensat",
    "copy_file_range",
    "sendfile",
    "ioctl",
    "mount",
    "umount2",
    "open_tree",
    "move_mount",
    "fsmount",
    "mount_setattr",
    "unshare",
    "setns",
    "bind",
    "listen",
    "sendto",
    "sendmsg",
    "clone",
    "clone3",
    "vfork",
    "kill",
    "pidfd_send_signal",
];

/// Looks at the threads before another attempt to attach.
const LOOKS: usize = 200;

/// One step of an operation: the k-th call of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) call: String,
    pub(crate) count: usize,
    /// The call with its arguments, as it was seen when nobody was killed.
    pub(crate) seen: String,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} ({})", self.call, self.count, self.seen)
    }
}

/// An `strace` that is attached to a daemon.
pub(crate) struct Strace {
    strace: Child,
    file: PathBuf,
}

impl Strace {
    /// Watches only.
    pub(crate) fn watch(daemon: &Daemon) -> Self {
        Self::attach(daemon, &["-y", "-s", "64", "-e", &format!("trace={}", CALLS.join(","))])
    }

    /// Kills the daemon before `step`.
    pub(crate) fn kill_before(daemon: &Daemon, step: &Step) -> Self {
        let Step { call, count, .. } = step;
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=KILL:when={count}"));
        Self::attach(daemon, &["-y", "-s", "64", "-e", &trace, "-e", &inject])
    }

    fn attach(daemon: &Daemon, how: &[&str]) -> Self {
        let file = daemon.scratch().join("steps");
        let pid = daemon.pid().to_string();
        let spawn = || {
            daemon
                .sandbox()
                .command("strace", ["-f", "-qq", "--detach-on=execve", "-e", "signal=none", "-p", &pid, "-o"])
                .arg(&file)
                .args(how)
                .spawn()
                .expect("start strace")
        };
        let mut strace = spawn();
        let mut looks = 0;
        wait::until_true("strace is attached to every thread", || {
            let own = strace.id();
            let mut tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            let traced = |task: std::fs::DirEntry| {
                std::fs::read_to_string(task.path().join("status"))
                    .is_ok_and(|status| status.contains(&format!("TracerPid:\t{own}\n")))
            };
            // Killed already: by work in the background that was still going on.
            let killed = std::fs::read_to_string(format!("/proc/{pid}/status"))
                .is_ok_and(|status| status.contains("State:\tZ"));
            let attached = killed || tasks.all(traced);
            looks += 1;
            if !attached && looks % LOOKS == 0 {
                // A thread that was made while it went through the list was missed.
                end(&mut strace);
                strace = spawn();
            }
            attached
        });
        Self { strace, file }
    }

    /// Whether it has ended because there is nobody left to watch.
    pub(crate) fn killed(&mut self) -> bool {
        self.strace.try_wait().expect("wait for strace").is_some()
    }

    /// Lets go of the daemon; what was seen.
    pub(crate) fn finish(mut self) -> String {
        // It may have ended by itself.
        if !self.killed() {
            end(&mut self.strace);
        }
        let bytes = std::fs::read(&self.file).unwrap_or_default();
        let _ = std::fs::remove_file(&self.file);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Makes it let go, and waits for its end.
fn end(strace: &mut Child) {
    kill_process(Pid::from_child(strace), Signal::INT).expect("signal strace");
    strace.wait().expect("reap strace");
}

/// The steps in a watch's lines: each call that changes something lasting, once for each kind and count.
pub(crate) fn steps(trace: &str) -> Vec<Step> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut steps: Vec<Step> = Vec::new();
    for line in trace.lines() {
        // `PID  name(arguments`; a call that goes on after another thread's line is `<... name resumed>`.
        let Some((pid, text)) = line.split_once(' ').map(|(pid, text)| (pid, text.trim_start())) else {
            continue;
        };
        let Some((call, arguments)) = text.split_once('(').filter(|_| !text.starts_with(['<', '+', '-']))
        else {
            continue;
        };
        let count = counts.entry((pid, call)).or_default();
        *count += 1;
        if lasting(call, arguments) && !steps.iter().any(|step| step.call == call && step.count == *count) {
            steps.push(Step { call: call.to_owned(), count: *count, seen: text.to_owned() });
        }
    }
    steps
}

/// Whether a call changes what the next daemon finds.
fn lasting(call: &str, arguments: &str) -> bool {
    match call {
        "openat" | "openat2" => arguments.contains("O_CREAT") || arguments.contains("O_TRUNC"),
        "write" | "writev" => !["eventfd", "<pipe:", "<socket:"].iter().any(|own| arguments.contains(own)),
        // Netlink and shims; not the answer to the client, not the log.
        "sendto" | "sendmsg" => {
            arguments.contains("nlmsg")
                || arguments.contains("SCM_RIGHTS")
                || arguments.contains("AF_NETLINK")
        }
        // File systems' own (flags, reflinks), not asking a terminal's or a socket's.
        "ioctl" => ["FICLONE", "FS_IOC", "SIOCS", "TUNSET"].iter().any(|kind| arguments.contains(kind)),
        "clone" | "clone3" => !arguments.contains("CLONE_THREAD"),
        "kill" | "pidfd_send_signal" => !arguments.contains(", 0"),
        _ => true,
    }
}
