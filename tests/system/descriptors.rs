//! No descriptors left: clients wait, nothing is lost, and everything goes on when others have gone.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use testkit::{Daemon, Output, wait};

/// Descriptors that the daemon may have beyond those it has at rest.
const SPARE: usize = 60;
/// Clients that want one each, and more for what they follow.
const CLIENTS: usize = 100;
/// Tries to take a connection within the time that a container takes for its lines: one in half a second, and then some.
const TRIES: usize = 60;

fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

fn limit(pid: u32, to: Option<u64>) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process");
    let old = prlimit(Some(pid), Resource::Nofile, Rlimit { current: to, maximum: to });
    old.expect("prlimit");
}

/// Follows a container's log until it is dropped.
fn follow(daemon: &Daemon, name: &str) -> UnixStream {
    let mut stream = UnixStream::connect(daemon.socket()).expect("connect");
    let path = format!("/containers/{name}/logs?stdout=1&follow=1&tail=0");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("ask");
    stream
}

#[test]
fn clients_wait_for_descriptors_and_nothing_is_lost() {
    let daemon = Daemon::start();
    let script = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.05; done";
    daemon.hythe(["run", "-d", "--name", "clock", "busybox", "sh", "-c", script]).ok();
    daemon.hythe(["run", "-d", "--name", "ends", "-p", "80", "busybox", "sleep", "1000"]).ok();
    let ends = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "ends"]).ok();
    let log = daemon.hythe(["inspect", "-f", "{{.LogPath}}", "clock"]).ok();
    let pid = daemon.pid();
    limit(pid, Some((descriptors(pid) + SPARE) as u64));
    let clients: Vec<UnixStream> = (0..CLIENTS).map(|_| follow(&daemon, "clock")).collect();
    wait::until_true("it says that there are none left", || {
        daemon.log().contains("clients wait until others go")
    });
    // One that ends now.
    Output::of(std::process::Command::new("kill").args(["-KILL", &ends])).ok();

    // For as long as the container takes for forty lines it is counted how often a connection is tried to be taken.
    let trace = daemon.scratch().join("accepts");
    let mut strace = daemon
        .sandbox()
        .command(
            "strace",
            ["-f", "-qq", "-e", "trace=accept4", "-e", "signal=none", "-p", &pid.to_string(), "-o"],
        )
        .arg(&trace)
        .spawn()
        .expect("start strace");
    let lines = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    let begin = lines();
    wait::until_true("the container writes on", || lines() > begin + 40);
    kill_process(Pid::from_child(&strace), Signal::INT).expect("signal strace");
    strace.wait().expect("reap strace");
    let tries = std::fs::read_to_string(&trace).unwrap_or_default().lines().count();
    assert!((1..TRIES).contains(&tries), "{tries} tries to take a connection");
    assert_eq!(daemon.log().matches("clients wait until others go").count(), 1, "{}", daemon.log());

    drop(clients);
    assert_eq!(daemon.hythe(["exec", "clock", "echo", "fine"]).ok(), "fine");
    let status = || daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "ends"]).ok();
    wait::until_true("its end is known", || status() == "exited 137");
    let mut again = follow(&daemon, "clock");
    let mut byte = [0];
    assert_eq!(again.read(&mut byte).expect("an answer"), 1);
    daemon.hythe(["start", "ends"]).ok();
    // What could not be deleted is, though nothing else is removed.
    daemon.check_state();
}
