//! `logs`: everything that was written, in order, from any point, and as it comes.

use testkit::{Daemon, wait};

#[test]
fn keeps_both_streams_and_tails() {
    let daemon = Daemon::start();
    daemon
        .hythe([
            "run",
            "--name",
            "talk",
            "busybox",
            "sh",
            "-c",
            "for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2",
        ])
        .ok();
    for &client in testkit::skip::clients("logs") {
        let run = |args: &[&str]| if client == "hythe" { daemon.hythe(args) } else { daemon.docker(args) };
        let output = run(&["logs", "talk"]);
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("line 1\nline 2\nline 3\nline 4\nline 5\n", "oops\n"),
            "{client}"
        );
        let stamped = run(&["logs", "-t", "--tail", "2", "talk"]);
        assert_eq!(stamped.stdout.lines().count() + stamped.stderr.lines().count(), 2);
        assert!(stamped.stdout.len() > 30 && stamped.stdout.ends_with("Z line 5\n"), "{}", stamped.stdout);
        assert_eq!(run(&["logs", "--tail", "0", "talk"]).ok(), "");
        assert_eq!(run(&["logs", "--since", "2099-01-01T00:00:00Z", "talk"]).ok(), "");
    }
}

#[test]
fn follow_ends_with_the_container() {
    let daemon = Daemon::start();
    daemon
        .hythe([
            "run",
            "-d",
            "--name",
            "talk",
            "busybox",
            "sh",
            "-c",
            "for i in $(seq 1 20); do echo $i; sleep 0.02; done",
        ])
        .ok();
    let lines = daemon.hythe(["logs", "-f", "talk"]).ok();
    assert_eq!(lines, (1..=20).map(|n| n.to_string()).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_flood_is_kept_whole() {
    let daemon = Daemon::start();
    let script = "seq 1 300000";
    daemon
        .hythe(["run", "-d", "--name", "flood", "--log-opt", "max-size=1g", "busybox", "sh", "-c", script])
        .ok();
    daemon.hythe(["wait", "flood"]).ok();
    let lines = daemon.hythe(["logs", "flood"]).ok();
    let expected: Vec<String> = (1..=300_000).map(|n| n.to_string()).collect();
    assert!(lines == expected.join("\n"), "{} bytes", lines.len());
    assert_eq!(daemon.hythe(["logs", "--tail", "3", "flood"]).ok(), "299998\n299999\n300000");
}

#[test]
fn long_lines_and_no_last_newline_come_back_as_they_were() {
    let daemon = Daemon::start();
    let script = "head -c 50000 /dev/zero | tr '\\0' x; echo; printf end";
    daemon.hythe(["run", "--name", "long", "busybox", "sh", "-c", script]).ok();
    wait::until_true("all is logged", || daemon.hythe(["logs", "long"]).stdout.ends_with("end"));
    assert_eq!(daemon.hythe(["logs", "long"]).stdout, format!("{}\nend", "x".repeat(50_000)));
}

#[test]
fn of_nothing_is_an_error() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.hythe(["logs", "nobody"]).fails_with(1),
        "Error response from daemon: No such container: nobody"
    );
}
