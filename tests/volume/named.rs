//! Named and anonymous volumes: contents that outlive containers.

use testkit::Daemon;

#[test]
fn outlives_its_containers() {
    let daemon = Daemon::start();
    assert_eq!(daemon.hythe(["volume", "create", "data"]).ok(), "data");
    daemon.hythe(["run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "echo kept > /d/f"]).ok();
    assert_eq!(daemon.hythe(["run", "--rm", "-v", "data:/d", "busybox", "cat", "/d/f"]).ok(), "kept");
    assert_eq!(daemon.hythe(["volume", "ls", "-q"]).ok(), "data");
    daemon.hythe(["create", "--name", "user", "-v", "data:/d", "busybox"]).ok();
    let error = daemon.hythe(["volume", "rm", "data"]).fails_with(1);
    assert!(error.contains("volume is in use"), "{error}");
    daemon.hythe(["rm", "user"]).ok();
    assert_eq!(daemon.hythe(["volume", "rm", "data"]).ok(), "data");
    assert!(daemon.hythe(["volume", "inspect", "data"]).fails_with(1).contains("no such volume"));
}

#[test]
fn a_new_one_gets_the_images_content_once() {
    let daemon = Daemon::start();
    let script = "stat -c '%a %n' /etc/passwd /etc/group; cat /etc/passwd";
    let plain = daemon.hythe(["run", "--rm", "busybox", "sh", "-c", script]).ok();
    assert_eq!(daemon.hythe(["run", "--rm", "-v", "etc:/etc", "busybox", "sh", "-c", script]).ok(), plain);
    daemon.hythe(["run", "--rm", "-v", "etc:/etc", "busybox", "rm", "/etc/passwd"]).ok();
    assert_eq!(
        daemon.hythe(["run", "--rm", "-v", "etc:/etc", "busybox", "sh", "-c", "test ! -e /etc/passwd"]).code,
        0
    );
    let listing = daemon.hythe(["run", "--rm", "-v", "empty:/etc:nocopy", "busybox", "/bin/ls", "/etc"]).ok();
    assert!(!listing.contains("passwd"), "{listing}");
    daemon.hythe(["volume", "rm", "etc", "empty"]).ok();
}
