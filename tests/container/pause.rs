//! `pause` and `unpause`.

use testkit::Daemon;

#[test]
fn freezes_and_thaws() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "c", "busybox", "sleep", "1000"]).ok();
    assert_eq!(daemon.hythe(["pause", "c"]).ok(), "c");
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}", "c"]).ok(),
        "paused true true"
    );
    assert!(daemon.hythe(["ps"]).ok().contains("(Paused)"));
    let error = daemon.hythe(["exec", "c", "true"]).fails_with(1);
    assert!(error.contains("is paused, unpause the container before exec"), "{error}");
    let error = daemon.hythe(["pause", "c"]).fails_with(1);
    assert!(error.contains("is already paused"), "{error}");
    daemon.hythe(["unpause", "c"]).ok();
    daemon.hythe(["exec", "c", "true"]).ok();
    daemon.hythe(["pause", "c"]).ok();
    daemon.hythe(["rm", "-f", "c"]).ok();
}
