//! `rm`: stopped and running containers, by force and with their volumes.

use testkit::Daemon;

#[test]
fn refuses_a_running_one_without_force() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "busy", "busybox", "sleep", "1000"]).ok();
    let error = daemon.hythe(["rm", "busy"]).fails_with(1);
    assert!(
        error.contains("container is running: stop the container before removing or force remove"),
        "{error}"
    );
    assert_eq!(daemon.hythe(["rm", "-f", "busy"]).ok(), "busy");
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
    // The name is free at once.
    daemon.hythe(["create", "--name", "busy", "busybox"]).ok();
}

#[test]
fn of_many_goes_on_after_a_failure() {
    let daemon = Daemon::start();
    daemon.hythe(["create", "--name", "one", "busybox"]).ok();
    daemon.hythe(["create", "--name", "two", "busybox"]).ok();
    let output = daemon.hythe(["rm", "one", "nobody", "two"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, "one\ntwo\n"));
    assert_eq!(output.stderr, "Error response from daemon: No such container: nobody\n");
}

#[test]
fn many_running_ones_by_force_leave_nothing() {
    let daemon = Daemon::start();
    let names: Vec<String> = (0..20).map(|n| format!("many-{n}")).collect();
    for name in &names {
        daemon.hythe(["run", "-d", "--name", name, "-p", "80", "busybox", "sleep", "1000"]).ok();
    }
    daemon.hythe(["rm", "-f"].into_iter().chain(names.iter().map(String::as_str))).ok();
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
}
