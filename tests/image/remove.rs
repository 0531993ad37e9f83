//! `tag` and `rmi`: names come and go; an image goes with its last one, and not while it is used.

use testkit::Daemon;

#[test]
fn the_last_name_takes_the_image_along() {
    let daemon = Daemon::start();
    daemon.hythe(["tag", "busybox", "other:1"]).ok();
    assert_eq!(daemon.hythe(["rmi", "other:1"]).ok(), "Untagged: other:1");
    let output = daemon.hythe(["rmi", "busybox"]).ok();
    assert!(output.starts_with("Untagged: busybox:latest\nDeleted: sha256:"), "{output}");
    assert_eq!(daemon.hythe(["images", "-q"]).ok(), "");
    assert!(daemon.hythe(["rmi", "busybox"]).fails_with(1).contains("No such image: busybox:latest"));
}

#[test]
fn an_image_in_use_stays() {
    let daemon = Daemon::start();
    let id = daemon.hythe(["create", "--name", "user", "busybox"]).ok();
    let error = daemon.hythe(["rmi", "busybox"]).fails_with(1);
    assert!(
        error.contains("conflict: unable to remove repository reference \"busybox\" (must force)"),
        "{error}"
    );
    assert!(error.contains(&id[..12]), "{error}");
    daemon.hythe(["rm", "user"]).ok();
    daemon.hythe(["rmi", "busybox"]).ok();
}
