//! `kill`: any signal, by name or number; and its errors.

use testkit::{Daemon, wait};

#[test]
fn sends_the_signal_it_is_told() {
    let daemon = Daemon::start();
    let script = "trap 'echo got' HUP; echo up; while :; do sleep 0.05; done";
    let id = daemon.hythe(["run", "-d", "busybox", "sh", "-c", script]).ok();
    wait::until_true("the trap is set", || daemon.hythe(["logs", &id]).ok().contains("up"));
    for signal in ["HUP", "SIGHUP", "1"] {
        let before = daemon.hythe(["logs", &id]).ok().matches("got").count();
        assert_eq!(daemon.hythe(["kill", "-s", signal, &id]).ok(), id);
        wait::until_true("the signal arrives", || {
            daemon.hythe(["logs", &id]).ok().matches("got").count() > before
        });
    }
    daemon.hythe(["kill", &id]).ok();
    assert_eq!(daemon.hythe(["wait", &id]).ok(), "137");
}

#[test]
fn of_a_stopped_container_or_an_unknown_signal_is_an_error() {
    let daemon = Daemon::start();
    let id = daemon.hythe(["create", "--name", "idle", "busybox"]).ok();
    let error = daemon.hythe(["kill", "idle"]).fails_with(1);
    assert_eq!(
        error,
        format!("Error response from daemon: cannot kill container: idle: container {id} is not running")
    );
    let error = daemon.hythe(["kill", "-s", "NOSUCH", "idle"]).fails_with(1);
    assert!(error.contains("invalid signal: NOSUCH"), "{error}");
}
