//! Ceilings on what can be counted of one container start: the parts of speed that do not depend on the machine.
//!
//! A number that has to be raised is a decision, to be explained in its commit; one that can be lowered should be.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use testkit::Daemon;

/// Watches all threads and children of a process by `strace` and counts its calls.
struct Trace {
    strace: Child,
    file: std::path::PathBuf,
}

impl Trace {
    fn of(daemon: &Daemon) -> Self {
        let file = daemon.scratch().join("trace");
        // Of a trace before.
        let _ = std::fs::remove_file(&file);
        let pid = daemon.pid().to_string();
        let mut strace = daemon
            .sandbox()
            .command("strace", ["-f", "-qq", "-s", "512", "-o", file.to_str().expect("plain"), "-p", &pid])
            .args(["-e", "signal=none"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("start strace");
        // Without `-q` it would say when it is attached; a call of the daemon's that shows up in the file says it too.
        let _ = BufReader::new(strace.stderr.as_mut().expect("piped"));
        testkit::wait::until_true("strace is attached", || {
            daemon.api("GET", "/_ping", "");
            std::fs::read_to_string(&file).is_ok_and(|text| text.contains("/_ping"))
        });
        Self { strace, file }
    }

    /// Ends the watch: what was counted from the first byte after `mark` appeared in the trace.
    fn finish(mut self, mark: &str) -> Counts {
        kill_process(Pid::from_child(&self.strace), Signal::INT).expect("signal strace");
        self.strace.wait().expect("reap strace");
        let file = std::fs::File::open(&self.file).expect("the trace");
        let mut counts = Counts::default();
        let mut started = false;
        for line in BufReader::new(file).split(b'\n').map(|line| line.expect("read")) {
            let line = String::from_utf8_lossy(&line);
            started |= line.contains(mark);
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            // A call that another thread's interrupted is shown again when it goes on: `<... name resumed>`.
            if let (true, Some((name, _))) = (started && !call.starts_with('<'), call.split_once('(')) {
                *counts.calls.entry(name.to_owned()).or_insert(0) += 1;
                let forks = matches!(name, "fork" | "vfork" | "clone" | "clone3");
                counts.processes += usize::from(forks && !call.contains("CLONE_THREAD"));
                counts.netlink += usize::from(name.starts_with("send") && call.contains("nlmsg_len="));
            }
        }
        assert!(started, "the trace never shows {mark}");
        eprintln!("{mark}: {} system calls, {counts:?}", counts.total());
        counts
    }
}

/// What a piece of work took.
#[derive(Debug, Default)]
struct Counts {
    calls: BTreeMap<String, usize>,
    /// Requests to the kernel's network configuration and firewall.
    netlink: usize,
    /// Processes made. Threads are not among them: how many the engine has at hand depends on what else runs.
    processes: usize,
}

impl Counts {
    fn of(&self, names: &[&str]) -> usize {
        names.iter().map(|name| self.calls.get(*name).copied().unwrap_or(0)).sum()
    }

    fn total(&self) -> usize {
        self.calls.values().sum()
    }

    /// Calls that wait for the disk.
    fn syncs(&self) -> usize {
        self.of(&["fsync", "fdatasync", "syncfs", "sync", "sync_file_range"])
    }

    fn programs(&self) -> usize {
        self.of(&["execve", "execveat"])
    }
}

#[test]
fn one_start_stays_below_its_ceilings() {
    let daemon = Daemon::start();
    // The first start fills caches (the compiled filter, the pool); what is counted is a later one.
    daemon.hythe(["run", "--rm", "busybox", "true"]).ok();
    let trace = Trace::of(&daemon);
    daemon.hythe(["run", "--rm", "--name", "counted", "-p", "80", "busybox", "true"]).ok();
    let counts = trace.finish("name=counted");
    assert_eq!(counts.syncs(), 0, "a start waits for no disk: {counts:?}");
    // The shim, the container's process, and nobody else's program.
    assert!(counts.programs() <= 2, "{counts:?}");
    assert!(counts.processes <= 2, "{counts:?}");
    // Link, addresses and rules; their end; and a namespace for the next one.
    assert!(counts.netlink <= 10, "{counts:?}");
    assert!(counts.total() <= 1_300, "{counts:?}");
}

#[test]
fn exec_rm_and_ps_stay_below_their_ceilings() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "counted", "busybox", "sleep", "1000000"]).ok();
    daemon.hythe(["exec", "counted", "true"]).ok();
    daemon.hythe(["ps"]).ok();

    let trace = Trace::of(&daemon);
    daemon.hythe(["exec", "counted", "true"]).ok();
    let exec = trace.finish("/exec");
    // The process is the shim's child: the engine only hands the connection over.
    assert_eq!((exec.syncs(), exec.programs(), exec.netlink), (0, 0, 0), "{exec:?}");
    assert!(exec.total() <= 120, "{exec:?}");

    let trace = Trace::of(&daemon);
    daemon.hythe(["ps"]).ok();
    let ps = trace.finish("/containers/json");
    assert_eq!((ps.syncs(), ps.programs(), ps.processes, ps.netlink), (0, 0, 0, 0), "{ps:?}");
    assert_eq!(ps.of(&["openat", "open", "pread64", "pwrite64"]), 0, "a list is made from memory: {ps:?}");
    assert!(ps.total() <= 40, "{ps:?}");

    let trace = Trace::of(&daemon);
    daemon.hythe(["rm", "-f", "counted"]).ok();
    let rm = trace.finish("DELETE /");
    assert_eq!((rm.syncs(), rm.programs()), (0, 0), "{rm:?}");
    assert!(rm.netlink <= 1, "{rm:?}");
    assert!(rm.total() <= 250, "{rm:?}");
}
