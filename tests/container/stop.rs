//! `stop`: the signal, the wait, the kill.

use testkit::Daemon;

#[test]
fn asks_with_the_stop_signal_and_waits() {
    let daemon = Daemon::start();
    let script = "trap 'echo bye; exit 3' USR1; echo up; while :; do sleep 0.05; done";
    let id = daemon.hythe(["run", "-d", "--stop-signal", "USR1", "busybox", "sh", "-c", script]).ok();
    testkit::wait::until_true("the trap is set", || daemon.hythe(["logs", &id]).ok().contains("up"));
    assert_eq!(daemon.hythe(["stop", &id]).ok(), id);
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", &id]).ok(),
        "exited 3"
    );
    assert!(daemon.hythe(["logs", &id]).ok().ends_with("bye"));
}

#[test]
fn kills_what_does_not_listen() {
    let daemon = Daemon::start();
    // Process 1 of a namespace ignores signals it has no handler for.
    let id = daemon.hythe(["run", "-d", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["stop", "-t", "0", &id]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.ExitCode}}", &id]).ok(), "137");
    // Stopping what has stopped is no error.
    daemon.hythe(["stop", &id]).ok();
}

#[test]
fn of_nothing_is_an_error() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.hythe(["stop", "nobody"]).fails_with(1),
        "Error response from daemon: No such container: nobody"
    );
}
