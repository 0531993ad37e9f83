//! Restart policies, starts that fail, signals and memory (semantics 47 to 54), held over daemon restarts.

use testkit::{Daemon, wait};

fn state(daemon: &Daemon, name: &str) -> String {
    daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}", name]).ok()
}

#[test]
fn the_count_of_failures_holds_over_a_daemon_restart() {
    let mut daemon = Daemon::start();
    let run = ["run", "-d", "--name", "flaky", "--restart", "on-failure:3", "busybox", "sh", "-c"];
    daemon.hythe(run.into_iter().chain(["echo try; exit 3"])).ok();
    wait::until_true("it has failed once", || daemon.hythe(["logs", "flaky"]).ok().lines().count() >= 2);
    daemon.kill();
    daemon.boot();
    wait::until_true("it gives up", || state(&daemon, "flaky") == "exited 3 3");
    daemon.kill();
    daemon.boot();
    assert_eq!(state(&daemon, "flaky"), "exited 3 3");
    assert_eq!(daemon.hythe(["logs", "flaky"]).ok(), "try\ntry\ntry\ntry");
}

#[test]
fn a_start_by_hand_counts_from_zero() {
    let daemon = Daemon::start();
    let run = ["run", "-d", "--name", "flaky", "--restart", "on-failure:1", "busybox", "sh", "-c"];
    daemon.hythe(run.into_iter().chain(["test -e /well && exec sleep 1000; exit 1"])).ok();
    wait::until_true("it gives up", || state(&daemon, "flaky") == "exited 1 1");
    daemon.hythe_with_input(["cp", "-", "flaky:/"], &empty_file("well"));
    daemon.hythe(["start", "flaky"]).ok();
    assert_eq!(state(&daemon, "flaky"), "running 0 0");
}

/// A tar archive of an empty file.
fn empty_file(name: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join(name), "").expect("an empty file");
    let mut tar = std::process::Command::new("tar");
    tar.arg("-C").arg(dir.path()).args(["-cf", "-", name]).output().expect("tar").stdout
}

#[test]
fn a_stop_takes_back_the_restart_that_waits() {
    let mut daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "flaky", "--restart", "always", "busybox", "false"]).ok();
    wait::until_true("it waits for its restart", || state(&daemon, "flaky").starts_with("restarting"));
    daemon.hythe(["stop", "flaky"]).ok();
    assert!(state(&daemon, "flaky").starts_with("exited"), "{}", state(&daemon, "flaky"));
    daemon.hythe(["update", "--restart", "unless-stopped", "flaky"]).ok();
    daemon.kill();
    daemon.boot();
    assert!(state(&daemon, "flaky").starts_with("exited"), "{}", state(&daemon, "flaky"));
}

#[test]
fn a_restart_that_waits_is_made_by_the_next_daemon() {
    let mut daemon = Daemon::start();
    let script = "test -e /well && exec sleep 1000; echo try; exit 1";
    daemon.hythe(["run", "-d", "--name", "flaky", "--restart", "always", "busybox", "sh", "-c", script]).ok();
    wait::until_true("it waits for its restart", || state(&daemon, "flaky").starts_with("restarting"));
    daemon.kill();
    daemon.boot();
    let tries = || daemon.hythe(["logs", "flaky"]).ok().lines().count();
    let before = tries();
    wait::until_true("it is tried again", || tries() > before);
}

#[test]
fn only_the_stop_signal_and_kill_are_a_stop_by_hand() {
    let daemon = Daemon::start();
    let run = ["run", "-d", "--name", "one", "--restart", "unless-stopped", "busybox", "sh", "-c"];
    daemon.hythe(run.into_iter().chain(["trap 'exit 0' HUP TERM; while :; do sleep 0.02; done"])).ok();
    daemon.hythe(["kill", "-s", "HUP", "one"]).ok();
    wait::until_true("it was started again", || state(&daemon, "one") == "running 0 1");
    daemon.hythe(["kill", "-s", "TERM", "one"]).ok();
    wait::until_true("it has ended", || state(&daemon, "one").starts_with("exited 0"));
}

#[test]
fn a_policy_and_rm_exclude_each_other() {
    let daemon = Daemon::start();
    let output = daemon.hythe(["create", "--rm", "--restart", "always", "busybox", "true"]);
    assert!(output.fails_with(125).contains("conflicting options"), "create --rm --restart");
}

#[test]
fn a_taken_port_leaves_it_created_and_is_not_tried_again() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "first", "-p", "18088:80", "busybox", "sleep", "1000"]).ok();
    let run = [
        "run",
        "-d",
        "--name",
        "second",
        "--restart",
        "always",
        "-p",
        "18088:80",
        "busybox",
        "sleep",
        "1000",
    ];
    let text = daemon.hythe(run).fails_with(125);
    assert!(text.contains("port is already allocated"), "{text}");
    assert_eq!(state(&daemon, "second"), "created 128 0");
    daemon.hythe(["rm", "-f", "first"]).ok();
    daemon.hythe(["start", "second"]).ok();
    assert_eq!(state(&daemon, "second"), "running 0 0");
}

#[test]
fn a_program_that_cannot_be_executed_has_its_exit_code() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "--name", "missing", "busybox", "/no/such/program"]).fails_with(127);
    assert_eq!(state(&daemon, "missing"), "created 127 0");
    daemon.hythe(["run", "--name", "directory", "busybox", "/etc"]).fails_with(126);
    assert_eq!(state(&daemon, "directory"), "created 126 0");
}

#[test]
fn the_kernel_killing_for_memory_is_told() {
    let daemon = Daemon::start();
    // A string that is doubled until there is no room for it.
    let script = "a=x; while :; do a=$a$a; done";
    let run = ["run", "--name", "greedy", "-m", "16m", "--memory-swap", "16m", "busybox", "sh", "-c", script];
    assert_eq!(daemon.hythe(run).code, 137);
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "greedy"]).ok(),
        "true 137"
    );
    let events = daemon.hythe(["events", "--since", "10m", "--until", "0s", "--filter", "event=oom"]).ok();
    assert!(events.contains("container oom") && events.contains("name=greedy"), "{events}");
    daemon.hythe(["run", "--name", "modest", "-m", "16m", "busybox", "true"]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.OOMKilled}}", "modest"]).ok(), "false");
}
