//! `wait`: the exit code, before or after the end.

use testkit::Daemon;

#[test]
fn gives_the_code_before_and_after_the_end() {
    let daemon = Daemon::start();
    let id = daemon.hythe(["run", "-d", "busybox", "sh", "-c", "sleep 0.2; exit 11"]).ok();
    assert_eq!(daemon.hythe(["wait", &id]).ok(), "11");
    assert_eq!(daemon.hythe(["wait", &id]).ok(), "11");
    let error = daemon.hythe(["wait", "nobody"]).fails_with(1);
    assert_eq!(error, "Error response from daemon: No such container: nobody");
}
