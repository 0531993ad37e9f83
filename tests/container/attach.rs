//! `attach`: joining a container's streams, and leaving them again.

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
    // `script` gives the client a terminal; the keys come from its input: a command, then ctrl-p ctrl-q.
    let input = daemon.scratch().join("keys");
    std::fs::write(&input, b"echo ready\n\x10\x11").expect("write");
    let mut command = daemon.client("script", ["-qec", &line, "/dev/null"]);
    let output = Output::of(command.stdin(std::fs::File::open(&input).expect("open")));
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Running}}", "held"]).ok(), "true");
}

#[test]
fn of_a_stopped_container_is_an_error() {
    let daemon = Daemon::start();
    daemon.hythe(["create", "--name", "idle", "busybox"]).ok();
    let error = daemon.hythe(["attach", "idle"]).fails_with(1);
    assert!(error.contains("cannot attach to a stopped container, start it first"), "{error}");
}
