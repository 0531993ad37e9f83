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
