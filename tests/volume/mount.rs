//! `-v` with host directories.

use std::fs;

use testkit::Daemon;

#[test]
fn a_bind_mount_is_the_hosts_directory() {
    let daemon = Daemon::start();
    let dir = daemon.scratch().join("shared");
    fs::create_dir(&dir).expect("mkdir");
    fs::write(dir.join("from-host"), "host").expect("write");
    let mount = format!("{}:/m", dir.display());
    assert_eq!(
        daemon
            .hythe([
                "run",
                "--rm",
                "-v",
                &mount,
                "busybox",
                "sh",
                "-c",
                "echo in > /m/from-container; cat /m/from-host"
            ])
            .ok(),
        "host"
    );
    assert_eq!(fs::read_to_string(dir.join("from-container")).expect("read"), "in\n");
    let output = daemon.hythe(["run", "--rm", "-v", &format!("{mount}:ro"), "busybox", "touch", "/m/x"]);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("Read-only file system"), "{}", output.stderr);
}

#[test]
fn v_makes_a_missing_source_and_mount_refuses_it() {
    let daemon = Daemon::start();
    let dir = daemon.scratch().join("made");
    daemon.hythe(["run", "--rm", "-v", &format!("{}:/m", dir.display()), "busybox", "touch", "/m/x"]).ok();
    assert!(dir.join("x").exists());
    let missing = daemon.scratch().join("missing");
    let flag = format!("type=bind,src={},dst=/m", missing.display());
    let error = daemon.hythe(["run", "--rm", "--mount", &flag, "busybox", "true"]).fails_with(125);
    assert!(error.contains(&format!("bind source path does not exist: {}", missing.display())), "{error}");
}

#[test]
fn tmpfs_and_read_only_roots() {
    let daemon = Daemon::start();
    let run = |args: &[&str]| daemon.hythe(["run", "--rm"].iter().chain(args));
    assert_eq!(
        run(&[
            "--tmpfs",
            "/t:size=1m",
            "busybox",
            "sh",
            "-c",
            "grep ' /t ' /proc/mounts | cut -d' ' -f3; touch /t/x"
        ])
        .ok(),
        "tmpfs"
    );
    let output = run(&["--read-only", "--tmpfs", "/t", "busybox", "sh", "-c", "touch /t/x && ! touch /x"]);
    assert_eq!(output.code, 0, "{output:?}");
}
