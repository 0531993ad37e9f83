//! `attach`: joining a container's streams, and leaving them again.

use std::io::{Read, Write};
use std::process::Stdio;

use testkit::{Daemon, Output};

#[test]
fn sees_output_from_now_on_and_the_exit_status() {
    let daemon = Daemon::start();
    daemon
        .hythe(["create", "-i", "--name", "echo", "busybox", "sh", "-c", "read line; echo got $line; exit 4"])
        .ok();
    let file = daemon.scratch().join("input");
    std::fs::write(&file, "hello\n").expect("write");
    let mut start = daemon.hythe_command(["start", "-a", "-i", "echo"]);
    let output = Output::of(start.stdin(std::fs::File::open(&file).expect("open")));
    assert_eq!((output.code, output.stdout.as_str()), (4, "got hello\n"), "{output:?}");
}

#[test]
fn detach_keys_leave_the_container_running() {
    let daemon = Daemon::start();
    let line = format!("{} run -it --name held busybox sh", testkit::program("hythe").display());
    // `script` gives the client a terminal. The prompt shows that the session stands and the terminal is raw; only then
    // are control characters keys and not the line discipline's.
    let mut client = daemon
        .client("script", ["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start script");
    let mut seen = Vec::new();
    let mut output = client.stdout.take().expect("piped");
    while !seen.ends_with(b"/ # ") {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte).expect("read"), 1, "{}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
        // Busybox asks the terminal where the cursor is; a person's terminal would answer.
        if seen.ends_with(b"\x1b[6n") {
            seen.truncate(seen.len() - 4);
        }
    }
    let mut keys = client.stdin.take().expect("piped");
    keys.write_all(b"\x10\x11").expect("type");
    assert!(client.wait().expect("reap script").success());
    drop(keys);
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Running}}", "held"]).ok(), "true");
}

#[test]
fn of_a_stopped_container_is_an_error() {
    let daemon = Daemon::start();
    daemon.hythe(["create", "--name", "idle", "busybox"]).ok();
    let error = daemon.hythe(["attach", "idle"]).fails_with(1);
    assert!(error.contains("cannot attach to a stopped container, start it first"), "{error}");
}
