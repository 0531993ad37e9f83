//! `pause` and `unpause`.

use testkit::{Daemon, Output, wait};

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

#[test]
fn a_process_that_cannot_be_stopped_is_an_error_and_hangs_nothing() {
    let daemon = Daemon::start();
    let dir = daemon.scratch();
    let shell = |script: &str| {
        Output::of(&mut daemon.sandbox().command("sh", ["-c", script, &dir.display().to_string()]))
    };
    let disk = "cd \"$0\" && truncate -s 20M disk && mkdir on && mkfs.ext4 -q disk && mount -o loop disk on";
    if shell(disk).code != 0 {
        testkit::skip::report("a process that waits for a disk: this kernel has no loop devices");
        return;
    }
    let bind = format!("{}:/on", dir.join("on").display());
    let script = "while :; do echo > /on/file; sleep 0.01; done";
    daemon.hythe(["run", "-d", "--name", "cc", "-v", &bind, "busybox", "sh", "-c", script]).ok();
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "cc"]).ok();
    // Whoever writes to a file system that is frozen waits where no signal reaches it.
    shell("fsfreeze -f \"$0/on\"").ok();
    wait::until_true("it waits for the disk", || {
        std::fs::read_to_string(format!("/proc/{pid}/status"))
            .is_ok_and(|status| status.contains("State:\tD"))
    });
    let error = daemon.hythe(["pause", "cc"]).fails_with(1);
    assert!(error.contains("did not become"), "{error}");
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Status}}", "cc"]).ok(), "running");
    assert_eq!(daemon.hythe(["exec", "cc", "echo", "fine"]).ok(), "fine");
    shell("fsfreeze -u \"$0/on\"").ok();
    daemon.hythe(["pause", "cc"]).ok();
    daemon.hythe(["rm", "-f", "cc"]).ok();
    shell("umount \"$0/on\"").ok();
}
