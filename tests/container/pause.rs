//! `pause` and `unpause`.

use testkit::Daemon;

#[test]
fn freezes_and_thaws() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    assert_eq!(daemon.hythe(["pause", "cc"]).ok(), "cc");
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}", "cc"]).ok(),
        "paused true true"
    );
    assert!(daemon.hythe(["ps"]).ok().contains("(Paused)"));
    let error = daemon.hythe(["exec", "cc", "true"]).fails_with(1);
    assert!(error.contains("is paused, unpause the container before exec"), "{error}");
    let error = daemon.hythe(["pause", "cc"]).fails_with(1);
    assert!(error.contains("is already paused"), "{error}");
    daemon.hythe(["unpause", "cc"]).ok();
    daemon.hythe(["exec", "cc", "true"]).ok();
    daemon.hythe(["pause", "cc"]).ok();
    daemon.hythe(["rm", "-f", "cc"]).ok();
}
