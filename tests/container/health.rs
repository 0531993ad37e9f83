//! Health checks (semantics 58 and 59), also over a daemon restart, and the restart of unhealthy containers.

use testkit::{Daemon, wait};

/// A container that is healthy unless `/sick` is there, which its program removes when it starts.
fn run(daemon: &Daemon, more: &[&str]) {
    let flags =
        ["run", "-d", "--name", "patient", "--health-cmd", "test ! -e /sick", "--health-interval", "50ms"];
    let program = ["--health-retries", "2", "busybox", "sh", "-c", "rm -f /sick; exec sleep 1000"];
    daemon.hythe(flags.iter().chain(more).chain(&program)).ok();
}

fn health(daemon: &Daemon) -> String {
    daemon.hythe(["inspect", "-f", "{{.State.Health.Status}} {{.RestartCount}}", "patient"]).ok()
}

#[test]
fn unhealthy_has_no_effect_by_itself() {
    let daemon = Daemon::start();
    run(&daemon, &[]);
    wait::until_true("it is healthy", || health(&daemon) == "healthy 0");
    let pid = || daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "patient"]).ok();
    let before = pid();
    daemon.hythe(["exec", "patient", "touch", "/sick"]).ok();
    wait::until_true("it is unhealthy", || health(&daemon) == "unhealthy 0");
    let log = daemon.hythe(["inspect", "-f", "{{json .State.Health}}", "patient"]).ok();
    assert!(log.contains("\"ExitCode\":1"), "{log}");
    assert_eq!(pid(), before);
    daemon.hythe(["exec", "patient", "rm", "/sick"]).ok();
    wait::until_true("it is healthy again", || health(&daemon) == "healthy 0");
}

#[test]
fn a_start_period_that_is_over_at_once_leaves_the_interval() {
    let daemon = Daemon::start();
    // Docker looks at the clock when the first probe is planned: the start's interval is never used here.
    run(&daemon, &["--health-start-period", "1ms", "--health-start-interval", "1h"]);
    wait::until_true("it is healthy", || health(&daemon) == "healthy 0");
}

#[test]
fn probes_go_on_after_a_daemon_restart() {
    let mut daemon = Daemon::start();
    run(&daemon, &[]);
    wait::until_true("it is healthy", || health(&daemon) == "healthy 0");
    daemon.kill();
    daemon.boot();
    wait::until_true("it is healthy again", || health(&daemon) == "healthy 0");
    daemon.hythe(["exec", "patient", "touch", "/sick"]).ok();
    wait::until_true("it is unhealthy", || health(&daemon) == "unhealthy 0");
}

#[test]
fn a_label_asks_for_the_restart_of_an_unhealthy_container() {
    let daemon = Daemon::start();
    run(&daemon, &["--label", "hythe.restart-unhealthy=true", "--stop-timeout", "0"]);
    wait::until_true("it is healthy", || health(&daemon) == "healthy 0");
    daemon.hythe(["exec", "patient", "touch", "/sick"]).ok();
    wait::until_true("it was started again", || health(&daemon) == "healthy 1");
    // A stop by hand is a stop.
    daemon.hythe(["stop", "-t", "0", "patient"]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Status}}", "patient"]).ok(), "exited");
}

#[test]
fn another_value_of_the_label_asks_for_nothing() {
    let daemon = Daemon::start();
    run(&daemon, &["--label", "hythe.restart-unhealthy=false"]);
    daemon.hythe(["exec", "patient", "touch", "/sick"]).ok();
    wait::until_true("it is unhealthy", || health(&daemon) == "unhealthy 0");
}

#[test]
fn a_probe_that_takes_too_long_failed() {
    let daemon = Daemon::start();
    let probe = "echo hello; sleep 1000";
    let flags = ["run", "-d", "--name", "patient", "--health-cmd", probe, "--health-interval", "20ms"];
    let more = ["--health-timeout", "300ms", "--health-retries", "1", "busybox", "sleep", "1000"];
    daemon.hythe(flags.into_iter().chain(more)).ok();
    wait::until_true("it is unhealthy", || health(&daemon) == "unhealthy 0");
    wait::until_true("what it said until then is told", || {
        let log = daemon.hythe(["inspect", "-f", "{{json .State.Health.Log}}", "patient"]).ok();
        assert!(log.contains("\"ExitCode\":-1"), "{log}");
        log.contains("\"Output\":\"Health check exceeded timeout (300ms): hello\\n\"")
    });
}

#[test]
fn semantics_59_a_paused_container_is_not_probed() {
    let daemon = Daemon::start();
    run(&daemon, &[]);
    let dir = daemon.scratch();
    let told = || std::fs::read_to_string(dir.join("probes")).unwrap_or_default().lines().count();
    let bind = format!("{}:/told", dir.display());
    let args =
        ["run", "-d", "-v", &bind, "--health-cmd", "echo >> /told/probes", "--health-interval", "50ms"];
    daemon.hythe(args.into_iter().chain(["busybox", "sleep", "1000"])).ok();
    wait::until_true("it is healthy", || health(&daemon) == "healthy 0");
    daemon.hythe(["pause", "patient"]).ok();
    let before = told();
    wait::until_true("another one has been probed often", || told() > before + 20);
    let seen = daemon.hythe([
        "inspect",
        "-f",
        "{{.State.Health.FailingStreak}} {{json .State.Health.Log}}",
        "patient",
    ]);
    let seen = seen.ok();
    assert!(seen.starts_with("0 ") && !seen.contains("paused"), "{seen}");
    daemon.hythe(["unpause", "patient"]).ok();
    daemon.hythe(["exec", "patient", "touch", "/sick"]).ok();
    wait::until_true("it is probed again", || health(&daemon) == "unhealthy 0");
}
