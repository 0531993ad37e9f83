//! `restart`, `start` and restart policies.

use testkit::{Daemon, wait};

#[test]
fn start_again_keeps_the_files() {
    let daemon = Daemon::start();
    let id = daemon
        .hythe(["run", "--name", "twice", "-d", "busybox", "sh", "-c", "echo x >> /count; wc -l < /count"])
        .ok();
    daemon.hythe(["wait", &id]).ok();
    assert_eq!(daemon.hythe(["start", "-a", "twice"]).ok(), "2");
    assert_eq!(daemon.hythe(["logs", "twice"]).ok(), "1\n2");
}

#[test]
fn restart_makes_a_new_process() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "-p", "18090:80", "busybox", "sleep", "1000"]).ok();
    let pid = || daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "cc"]).ok();
    let before = pid();
    daemon.hythe(["restart", "-t", "0", "cc"]).ok();
    assert_ne!(pid(), before);
    assert_eq!(daemon.hythe(["port", "cc", "80"]).ok(), "0.0.0.0:18090\n[::]:18090");
}

#[test]
fn on_failure_counts_and_gives_up() {
    let daemon = Daemon::start();
    daemon
        .hythe([
            "run",
            "-d",
            "--name",
            "flaky",
            "--restart",
            "on-failure:2",
            "busybox",
            "sh",
            "-c",
            "echo try; exit 1",
        ])
        .ok();
    let state = || daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "flaky"]).ok();
    wait::until_true("it gives up", || state() == "exited 2");
    assert_eq!(daemon.hythe(["logs", "flaky"]).ok(), "try\ntry\ntry");
}

#[test]
fn a_stop_by_hand_is_respected() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "--restart", "always", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["stop", "-t", "0", "cc"]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Status}}", "cc"]).ok(), "exited");
}

#[test]
fn semantics_52_a_restart_by_hand_is_no_end_for_rm_and_policy() {
    let daemon = Daemon::start();
    daemon
        .hythe(["run", "-d", "--rm", "--name", "brief", "-v", "/anonymous", "busybox", "sleep", "1000"])
        .ok();
    let shown = |format: &str| daemon.hythe(["inspect", "-f", format, "brief"]).ok();
    let before = shown("{{.Id}} {{(index .Mounts 0).Name}}");
    for _ in 0..3 {
        daemon.hythe(["restart", "-t", "0", "brief"]).ok();
        assert_eq!(shown("{{.Id}} {{(index .Mounts 0).Name}}"), before);
        assert_eq!(shown("{{.State.Status}} {{.RestartCount}}"), "running 0");
    }
    // Its own end is one.
    daemon.hythe(["kill", "brief"]).ok();
    wait::until_true("it is removed", || daemon.hythe(["ps", "-aq"]).ok().is_empty());
    assert_eq!(daemon.hythe(["volume", "ls", "-q"]).ok(), "");
    // A restart is no failure that a policy counts.
    let run = ["run", "-d", "--name", "counted", "--restart", "on-failure:1", "busybox", "sleep", "1000"];
    daemon.hythe(run).ok();
    daemon.hythe(["restart", "-t", "0", "counted"]).ok();
    daemon.hythe(["restart", "-t", "0", "counted"]).ok();
    let state = daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "counted"]).ok();
    assert_eq!(state, "running 0");
}
