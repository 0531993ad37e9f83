//! Killing a daemon before its k-th call of one kind, by `strace`: the program is the one that is installed.
//!
//! `strace` counts calls by kind and thread from the moment it attaches. A request is worked on by one thread, so "the
//! k-th `mkdirat`" is the same step each time; where two threads work, the first of them that gets so far is meant, and the
//! other's step is named by the file that it is about. What the daemon executes (shims) is left alone.

use std::collections::BTreeMap;
use std::io::Read as _;
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

/// Microseconds that each call of a delayed kind takes longer.
const DELAY: u32 = 150_000;

/// What strace does to a daemon that starts.
pub(crate) enum How<'a> {
    /// It looks on.
    Watched,
    /// It kills it before a step.
    Killed(&'a Step),
    /// It holds it up at each call of a kind.
    Delayed(&'a str),
}

/// Looks at the threads before another attempt to attach.
const LOOKS: usize = 200;

/// One step of an operation: the k-th call of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) call: String,
    pub(crate) count: usize,
    /// Of those that are about this file.
    pub(crate) path: Option<String>,
    /// The call with its arguments, as it was seen when nobody was killed.
    pub(crate) seen: String,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} ({})", self.call, self.count, self.seen)
    }
}

impl Step {
    /// Whether it is meant by a name from the command line.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.call == name || self.path.is_none() && format!("{}:{}", self.call, self.count) == name
    }

    /// Whether it is the same of another time.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        (&self.call, self.count, &self.path) == (&other.call, other.count, &other.path)
    }

    /// What strace is told to kill at this step.
    fn fatal(&self) -> Vec<String> {
        let Self { call, count, path, .. } = self;
        let mut words = strings(&["-e", &format!("trace={call}")]);
        words.extend(strings(&["-e", &format!("inject={call}:signal=KILL:when={count}")]));
        words.extend(path.iter().flat_map(|path| strings(&["-P", path])));
        words
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
        Self::attach(daemon, &strings(&["-e", &format!("trace={}", CALLS.join(","))]))
    }

    /// Kills the daemon before `step`.
    pub(crate) fn kill_before(daemon: &Daemon, step: &Step) -> Self {
        Self::attach(daemon, &step.fatal())
    }

    /// Stops the next program that the daemon executes, before its first call.
    pub(crate) fn stop_next_program(daemon: &Daemon) -> Self {
        Self::attach_to(
            daemon,
            daemon.pid(),
            &["-f"],
            &strings(&["-e", "trace=execve,execveat", "-e", "inject=execve,execveat:signal=STOP:when=1"]),
        )
    }

    /// The process of the first call that was seen.
    pub(crate) fn first_seen(&self) -> Option<u32> {
        let seen = std::fs::read_to_string(&self.file).ok()?;
        seen.split_once(' ').and_then(|(pid, _)| pid.parse().ok())
    }

    /// Starts the daemon with strace upon it from its first call on; whether it came to answer.
    pub(crate) fn boot(daemon: &mut Daemon, how: &How<'_>) -> (Booted, bool) {
        let file = daemon.scratch().join("steps");
        let shown = file.display().to_string();
        let words = ["strace", "-D", "-f", "-q", "--detach-on=execve", "-y", "-s", "64", "-o", &shown];
        let mut wrapper = strings(&words);
        wrapper.extend(match how {
            How::Watched => strings(&["-e", &format!("trace={}", CALLS.join(","))]),
            How::Killed(step) => step.fatal(),
            How::Delayed(call) => strings(&[
                "-e",
                &format!("trace={call}"),
                "-e",
                &format!("inject={call}:delay_enter={DELAY}"),
            ]),
        });
        wrapper.push("--".to_owned());
        let mut ready = daemon.begin_boot_by(&wrapper);
        let answers = ready.read(&mut [0]).expect("read the ready pipe") == 1;
        (Booted { file }, answers)
    }

    fn attach(daemon: &Daemon, how: &[String]) -> Self {
        Self::attach_to(daemon, daemon.pid(), &["-f", "--detach-on=execve"], how)
    }

    /// Watches one process of a single thread, or kills it before `step`. Its children are left alone.
    pub(crate) fn one(daemon: &Daemon, pid: u32, step: Option<&Step>) -> Self {
        let how = step.map_or_else(|| strings(&["-e", &format!("trace={}", CALLS.join(","))]), Step::fatal);
        Self::attach_to(daemon, pid, &[], &how)
    }

    /// Stops the next process that this one makes to become a container's, in its first moments.
    pub(crate) fn stop_next_child(daemon: &Daemon, pid: u32) -> Self {
        let how = ["-e", "trace=setsid", "-e", "inject=setsid:signal=STOP:when=1"];
        Self::attach_to(daemon, pid, &["-f"], &strings(&how))
    }

    /// As [`Strace::one`], for all of its calls.
    pub(crate) fn all_of(daemon: &Daemon, pid: u32, step: Option<&Step>) -> Self {
        let how = step.map_or_else(|| strings(&["-e", "trace=all"]), Step::fatal);
        Self::attach_to(daemon, pid, &[], &how)
    }

    fn attach_to(daemon: &Daemon, pid: u32, whom: &[&str], how: &[String]) -> Self {
        let file = daemon.scratch().join("steps");
        let pid = pid.to_string();
        let spawn = || {
            daemon
                .sandbox()
                .command("strace", ["-qq", "-y", "-s", "64", "-e", "signal=none", "-p", &pid, "-o"])
                .arg(&file)
                .args(whom)
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

/// A daemon that was started under an `strace` which ends with it.
pub(crate) struct Booted {
    file: PathBuf,
}

impl Booted {
    /// What was seen, once the daemon `pid` is dead.
    pub(crate) fn finish(self, pid: u32) -> String {
        let last = format!("{pid:<5} +++ ");
        let seen = wait::until("strace has written everything", || {
            let seen = String::from_utf8_lossy(&std::fs::read(&self.file).ok()?).into_owned();
            seen.lines().any(|line| line.starts_with(&last)).then_some(seen)
        });
        let _ = std::fs::remove_file(&self.file);
        seen
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Makes it let go, and waits for its end.
fn end(strace: &mut Child) {
    kill_process(Pid::from_child(strace), Signal::INT).expect("signal strace");
    strace.wait().expect("reap strace");
}

/// The steps in a watch's lines: each call that changes something lasting, once for each kind and count; where two threads
/// have the same, the second's is counted among those of its file.
pub(crate) fn steps(trace: &str) -> Vec<Step> {
    steps_that(trace, lasting)
}

/// The steps of one process that was watched alone: whatever it does to others, too.
pub(crate) fn steps_of_one(trace: &str) -> Vec<Step> {
    let lines: Vec<String> = trace.lines().map(|line| format!("0 {line}")).collect();
    steps_that(&lines.join("\n"), |call, arguments| {
        lasting(call, arguments) || matches!(call, "sendto" | "sendmsg" | "write" | "ioctl")
    })
}

/// Every call of one process until its program is executed, each time.
pub(crate) fn calls_until_execve(trace: &str) -> Vec<Step> {
    let calls = trace.lines().filter_map(|line| Some((line.split_once('(')?.0, line)));
    let calls =
        calls.filter(|(call, _)| call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for (call, line) in calls {
        let count = counts.entry(call).or_default();
        *count += 1;
        steps.push(Step { call: call.to_owned(), count: *count, path: None, seen: line.to_owned() });
        if call == "execve" {
            break;
        }
    }
    steps
}

fn steps_that(trace: &str, lasting: impl Fn(&str, &str) -> bool) -> Vec<Step> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut of_files: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
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
        // Begun again by itself, as often as another holds a lock of the kernel's.
        if arguments.ends_with("(To be restarted)") {
            continue;
        }
        let count = counts.entry((pid, call)).or_default();
        *count += 1;
        let file = file_of(arguments);
        let of_file = of_files.entry((pid, call, file.unwrap_or_default())).or_default();
        *of_file += 1;
        if !lasting(call, arguments) {
            continue;
        }
        let step = |count: usize, path: Option<&str>| Step {
            call: call.to_owned(),
            count,
            path: path.map(str::to_owned),
            seen: text.to_owned(),
        };
        let has = |one: &Step| steps.iter().any(|step| step.is_as(one));
        let by_call = step(*count, None);
        let by_file = file.map(|file| step(*of_file, Some(file)));
        if !has(&by_call) {
            steps.push(by_call);
        } else if let Some(step) = by_file.filter(|step| !has(step)) {
            steps.push(step);
        }
    }
    steps
}

/// The file that a call is about: that of its first descriptor.
fn file_of(arguments: &str) -> Option<&str> {
    let (number, rest) = arguments.split_once('<')?;
    let path = rest.split_once('>')?.0;
    (path.starts_with('/') && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(path)
}

/// Whether a call changes what the next daemon finds.
fn lasting(call: &str, arguments: &str) -> bool {
    match call {
        "openat" | "openat2" => arguments.contains("O_CREAT") || arguments.contains("O_TRUNC"),
        // Its own log is nothing to it.
        "write" | "writev" => {
            !["eventfd", "<pipe:", "<socket:", "hythed.log>"].iter().any(|own| arguments.contains(own))
        }
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
