//! Containers outlive the daemon: it is killed at the worst moments, and the next one finds everything as it was.

use std::io::Read;
use std::net::TcpStream;

use testkit::{Daemon, wait};

#[test]
fn a_killed_daemon_loses_nothing() {
    let mut daemon = Daemon::start();
    let script = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.02; done";
    let id = daemon.hythe(["run", "-d", "--name", "clock", "busybox", "sh", "-c", script]).ok();
    daemon
        .hythe([
            "run", "-d", "--name", "web", "-p", "18080:80", "busybox", "nc", "-ll", "-p", "80", "-e", "echo",
            "served",
        ])
        .ok();
    let served = |daemon: &Daemon| {
        daemon.sandbox().on_network(|| {
            let mut text = String::new();
            TcpStream::connect("127.0.0.1:18080")
                .and_then(|mut stream| stream.read_to_string(&mut text))
                .map(|_| text)
        })
    };
    wait::until_true("the server listens", || served(&daemon).is_ok_and(|text| text == "served\n"));
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "clock"]).ok();
    daemon.kill();
    assert_eq!(served(&daemon).expect("the port stays open without a daemon"), "served\n");
    daemon.boot();
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.State.Pid}} {{.State.Running}}", "clock"]).ok(),
        format!("{pid} true")
    );
    assert_eq!(served(&daemon).expect("the port is still open"), "served\n");
    // Logs went on while nobody looked, and have no hole.
    let count = || daemon.hythe(["logs", "clock"]).ok().lines().count();
    let before = count();
    wait::until_true("the log goes on", || count() > before);
    let log = daemon.hythe(["logs", "clock"]).ok();
    assert!(log.lines().enumerate().all(|(n, line)| line == format!("tick {}", n + 1)), "{log}");
    assert_eq!(daemon.hythe(["exec", "clock", "echo", "hello"]).ok(), "hello");
    assert_eq!(daemon.hythe(["stop", "-t", "0", &id]).ok(), id);
    assert_eq!(daemon.hythe(["wait", &id]).ok(), "137");
}

#[test]
fn an_exit_while_no_daemon_runs_is_not_forgotten() {
    let mut daemon = Daemon::start();
    let fifo = daemon.scratch().join("gate");
    assert_eq!(testkit::Output::of(std::process::Command::new("mkfifo").arg(&fifo)).code, 0);
    let mount = format!("{}:/gate", daemon.scratch().display());
    daemon
        .hythe([
            "run",
            "-d",
            "--name",
            "waits",
            "-v",
            &mount,
            "busybox",
            "sh",
            "-c",
            "read x < /gate/gate; echo last words; exit 9",
        ])
        .ok();
    daemon
        .hythe([
            "run",
            "-d",
            "--rm",
            "--name",
            "goes",
            "-v",
            &mount,
            "busybox",
            "sh",
            "-c",
            "while [ ! -e /gate/go ]; do sleep 0.02; done",
        ])
        .ok();
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "waits"]).ok();
    let other = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "goes"]).ok();
    daemon.kill();
    std::fs::write(&fifo, "go\n").expect("open the gate");
    std::fs::write(daemon.scratch().join("go"), "").expect("open the other gate");
    for pid in [pid, other] {
        wait::until_true("it ends", || !lives(&pid));
    }
    daemon.boot();
    assert_eq!(daemon.hythe(["wait", "waits"]).ok(), "9");
    assert_eq!(daemon.hythe(["logs", "waits"]).ok(), "last words");
    wait::until_true("the --rm container is removed", || {
        daemon.hythe(["ps", "-aq", "--filter", "name=goes"]).ok().is_empty()
    });
}

/// Whether a process exists and is not just waiting for its parent to ask how it ended.
fn lives(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

#[test]
fn a_killed_shim_takes_its_container_along() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "orphan", "-p", "18081:80", "busybox", "sleep", "1000"]).ok();
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "orphan"]).ok();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let shim = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its parent").to_owned();
    testkit::Output::of(std::process::Command::new("kill").args(["-KILL", &shim])).ok();
    wait::until_true("the exit is seen", || {
        daemon.hythe(["inspect", "-f", "{{.State.Running}}", "orphan"]).ok() == "false"
    });
    assert!(!lives(&pid), "the container's process must not live on");
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.ExitCode}}", "orphan"]).ok(), "137");
    daemon.hythe(["start", "orphan"]).ok();
}

#[test]
fn restart_policies_hold_over_a_daemon_restart() {
    let mut daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "always", "--restart", "always", "busybox", "sleep", "1000"]).ok();
    daemon
        .hythe(["run", "-d", "--name", "stopped", "--restart", "unless-stopped", "busybox", "sleep", "1000"])
        .ok();
    daemon.hythe(["stop", "-t", "0", "always", "stopped"]).ok();
    daemon.stop();
    daemon.boot();
    let state = |name: &str| daemon.hythe(["inspect", "-f", "{{.State.Running}}", name]).ok();
    wait::until_true("`always` comes back", || state("always") == "true");
    assert_eq!(state("stopped"), "false");
}
