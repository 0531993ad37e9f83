//! `wait`: the exit code, before or after the end.

use std::fs;

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

/// The last unmount of an overlay writes back all of its upper file system, whosever data that is. If the container's
/// first process did it, nobody would know of its end before the disk has everything: so the shim keeps the mounts.
#[test]
fn the_end_does_not_wait_for_the_disk() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "held", "busybox", "sleep", "1000"]).ok();
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "held"]).ok();
    let mounts = fs::read_link(format!("/proc/{pid}/ns/mnt")).expect("its mount namespace");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let shim = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its shim");
    let held = fs::read_dir(format!("/proc/{shim}/fd")).expect("the shim's descriptors").flatten();
    let mut held = held.filter_map(|entry| fs::read_link(entry.path()).ok());
    assert!(held.any(|link| link == mounts), "the shim does not hold {}", mounts.display());
}

/// While a shim still unmounts, the container's files are there for everybody, and it can be started again.
#[test]
fn after_the_end_the_files_are_there_at_once() {
    let daemon = Daemon::start();
    let program = "echo run >>/runs; dd if=/dev/zero of=/data bs=1M count=8 2>/dev/null";
    daemon.hythe(["create", "--name", "again", "busybox", "sh", "-c", program]).ok();
    let to = daemon.scratch().join("runs");
    for runs in 1..=10 {
        daemon.hythe(["start", "again"]).ok();
        assert_eq!(daemon.hythe(["wait", "again"]).ok(), "0");
        daemon.hythe(["cp", "again:/runs", &to.display().to_string()]).ok();
        assert_eq!(fs::read_to_string(&to).expect("the copy"), "run\n".repeat(runs));
    }
    assert!(daemon.hythe(["diff", "again"]).ok().contains("A /data"));
    let image = daemon.hythe(["commit", "again"]).ok();
    assert_eq!(daemon.hythe(["run", "--rm", &image, "wc", "-l", "/runs"]).ok(), "10 /runs");
    daemon.hythe(["rm", "again"]).ok();
}
