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

    /// Ends the watch: each call's name with its count, from the first byte after `mark` appeared in the trace.
    fn finish(mut self, mark: &str) -> BTreeMap<String, usize> {
        kill_process(Pid::from_child(&self.strace), Signal::INT).expect("signal strace");
        self.strace.wait().expect("reap strace");
        let file = std::fs::File::open(&self.file).expect("the trace");
        let mut counts = BTreeMap::new();
        let mut started = false;
        for line in BufReader::new(file).split(b'\n').map(|line| line.expect("read")) {
            let line = String::from_utf8_lossy(&line);
            started |= line.contains(mark);
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            // A call that another thread's interrupted is shown again when it goes on: `<... name resumed>`.
            if let (true, Some((name, _))) = (started && !call.starts_with('<'), call.split_once('(')) {
                *counts.entry(name.to_owned()).or_insert(0) += 1;
            }
        }
        assert!(started, "the trace never shows {mark}");
        counts
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
    let of = |names: &[&str]| names.iter().map(|name| counts.get(*name).copied().unwrap_or(0)).sum::<usize>();
    let total: usize = counts.values().sum();
    eprintln!("{total} system calls: {counts:?}");
    assert_eq!(of(&["fsync", "fdatasync", "syncfs", "sync"]), 0, "a start waits for no disk: {counts:?}");
    // The shim, the container's process, and nobody else's program.
    assert!(of(&["execve", "execveat"]) <= 2, "{counts:?}");
    assert!(of(&["fork", "vfork", "clone", "clone3"]) <= 4, "{counts:?}");
    assert!(total <= 1_500, "{total} system calls: {counts:?}");
}
