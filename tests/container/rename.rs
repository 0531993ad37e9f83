//! `rename`: the new name holds at once, the old one is free, and wrong ones are refused.

use testkit::Daemon;

#[test]
fn takes_the_new_name_and_frees_the_old() {
    let daemon = Daemon::start();
    daemon.hythe(["create", "--name", "old", "busybox"]).ok();
    daemon.hythe(["create", "--name", "other", "busybox"]).ok();
    daemon.hythe(["rename", "old", "new"]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.Name}}", "new"]).ok(), "/new");
    daemon.hythe(["inspect", "--type", "container", "old"]).fails_with(1);
    let error = daemon.hythe(["rename", "new", "other"]).fails_with(1);
    assert!(error.contains("Conflict. The container name \"/other\" is already in use"), "{error}");
    let error = daemon.hythe(["rename", "new", "new"]).fails_with(1);
    assert!(error.contains("Renaming a container with the same name as its current name"), "{error}");
}

/// `inspect` shows names so, and scripts give them back.
#[test]
fn a_name_may_be_given_with_its_slash() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.Name}}", "/one"]).ok(), "/one");
    daemon.hythe(["rename", "/one", "/two"]).ok();
    assert_eq!(daemon.hythe(["exec", "/two", "echo", "hi"]).ok(), "hi");
    daemon.hythe(["kill", "/two"]).ok();
    daemon.hythe(["wait", "/two"]).ok();
    assert_eq!(daemon.hythe(["ps", "-q", "--filter", "name=two"]).ok(), "");
    daemon.hythe(["rm", "/two"]).ok();
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
}
