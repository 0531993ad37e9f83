//! `stop`: the signal, the wait, the kill (semantics 46 and 47).

use serde_json::json;
use testkit::{Daemon, wait};

#[test]
fn asks_with_the_stop_signal_and_waits() {
    let daemon = Daemon::start();
    let script = "trap 'echo bye; exit 3' USR1; echo up; while :; do sleep 0.05; done";
    let id = daemon.hythe(["run", "-d", "--stop-signal", "USR1", "busybox", "sh", "-c", script]).ok();
    wait::until_true("the trap is set", || daemon.hythe(["logs", &id]).ok().contains("up"));
    assert_eq!(daemon.hythe(["stop", &id]).ok(), id);
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", &id]).ok(),
        "exited 3"
    );
    assert!(daemon.hythe(["logs", &id]).ok().ends_with("bye"));
}

#[test]
fn kills_what_does_not_listen() {
    let daemon = Daemon::start();
    // Process 1 of a namespace ignores signals it has no handler for.
    let id = daemon.hythe(["run", "-d", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["stop", "-t", "0", &id]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.ExitCode}}", &id]).ok(), "137");
    // Stopping what has stopped is no error.
    daemon.hythe(["stop", &id]).ok();
}

#[test]
fn of_nothing_is_an_error() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.hythe(["stop", "nobody"]).fails_with(1),
        "Error response from daemon: No such container: nobody"
    );
}

/// Says which signal it got, and ends with 5 once it is told to.
const WAITS: &str = "trap 'echo TERM' TERM; trap 'echo HUP' HUP; trap 'echo INT' INT; echo up; \
                     until [ -e /told/$HOSTNAME ]; do sleep 0.02; done; exit 5";

/// A running container of `WAITS`; its ID.
fn waiting(daemon: &Daemon, flags: &[&str]) -> String {
    let bind = format!("{}:/told", daemon.scratch().display());
    let args = ["run", "-d", "-v", &bind].into_iter().chain(flags.iter().copied());
    let id = daemon.hythe(args.chain(["busybox", "sh", "-c", WAITS])).ok();
    logged(daemon, &id, "up");
    id
}

/// Tells a container of `WAITS` to end. Not by a process in it, which might be killed by that end.
fn tell(daemon: &Daemon, id: &str) {
    std::fs::write(daemon.scratch().join(&id[..12]), "").expect("tell it");
}

fn logged(daemon: &Daemon, id: &str, line: &str) {
    wait::until_true("it says so", || daemon.hythe(["logs", id]).ok().lines().any(|have| have == line));
}

fn end(daemon: &Daemon, id: &str) -> String {
    wait::until_true("it has ended", || {
        daemon.hythe(["inspect", "-f", "{{.State.Running}}", id]).ok() == "false"
    });
    daemon.hythe(["inspect", "-f", "{{.State.ExitCode}}", id]).ok()
}

#[test]
fn semantics_46_the_requests_signal_then_the_containers_then_term() {
    let daemon = Daemon::start();
    for (configured, asked, expected) in [
        (None, None, "TERM"),
        (Some("HUP"), None, "HUP"),
        (Some("HUP"), Some("INT"), "INT"),
        (None, Some("2"), "INT"),
    ] {
        let flags: Vec<&str> = configured.iter().flat_map(|signal| ["--stop-signal", signal]).collect();
        let id = waiting(&daemon, &flags);
        let asked: Vec<&str> = asked.iter().flat_map(|signal| ["-s", signal]).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| daemon.hythe(["stop", "-t", "-1"].iter().chain(&asked).chain(&[&*id])).ok());
            logged(&daemon, &id, expected);
            tell(&daemon, &id);
        });
        assert_eq!(end(&daemon, &id), "5");
        let log = daemon.hythe(["logs", &id]).ok();
        assert_eq!(log, format!("up\n{expected}"), "one signal and no other");
    }
}

#[test]
fn semantics_46_the_requests_time_then_the_containers() {
    let daemon = Daemon::start();
    // The container's own: none at all. The engine's ten seconds would let it end by itself.
    let args = ["run", "-d", "--stop-timeout", "0", "busybox", "sh", "-c"];
    let id = daemon
        .hythe(args.iter().chain(&["trap 'sleep 2; exit 5' TERM; echo up; while :; do sleep 0.02; done"]))
        .ok();
    logged(&daemon, &id, "up");
    daemon.hythe(["stop", &id]).ok();
    assert_eq!(end(&daemon, &id), "137");
    // The request's comes first: for ever.
    let id = waiting(&daemon, &["--stop-timeout", "0"]);
    std::thread::scope(|scope| {
        scope.spawn(|| daemon.hythe(["stop", "-t", "-1", &id]).ok());
        logged(&daemon, &id, "TERM");
        tell(&daemon, &id);
    });
    assert_eq!(end(&daemon, &id), "5");
}

#[test]
fn semantics_46_without_any_time_the_engine_waits_ten_seconds() {
    let daemon = Daemon::start();
    let start = |script: &str| {
        let id = daemon.hythe(["run", "-d", "busybox", "sh", "-c", script]).ok();
        logged(&daemon, &id, "up");
        id
    };
    let quick = start("trap 'sleep 6; exit 5' TERM; echo up; while :; do sleep 0.02; done");
    let never = start("trap '' TERM; echo up; while :; do sleep 1000; done");
    daemon.hythe(["stop", &quick, &never]).ok();
    assert_eq!([end(&daemon, &quick), end(&daemon, &never)], ["5", "137"]);
}

#[test]
fn semantics_46_a_client_that_goes_away_does_not_cancel_it() {
    use std::io::Write;
    let daemon = Daemon::start();
    let id = waiting(&daemon, &[]);
    let mut client = std::os::unix::net::UnixStream::connect(daemon.socket()).expect("connect");
    let request = format!("POST /containers/{id}/stop?t=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    client.write_all(request.as_bytes()).expect("send");
    logged(&daemon, &id, "TERM");
    drop(client);
    // Nobody waits for it any more, and it is killed all the same.
    assert_eq!(end(&daemon, &id), "137");
    let events = daemon.hythe(["events", "--since", "10m", "--until", "0s", "--filter", "event=stop"]).ok();
    assert!(events.contains(&id), "{events}");
}

#[test]
fn semantics_47_kill_ends_every_process_also_past_a_shim_that_hangs() {
    let daemon = Daemon::start();
    let api = daemon.door();
    let script = "trap '' TERM; for i in 1 2 3; do setsid sh -c 'trap \"\" TERM; while :; do sleep 1000; done' & done; \
                  echo up; while :; do sleep 0.1; done";
    let id = daemon.hythe(["run", "-d", "busybox", "sh", "-c", script]).ok();
    logged(&daemon, &id, "up");
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", &id]).ok();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let shim = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its shim");
    let shim = rustix::process::Pid::from_raw(shim.parse().expect("a number")).expect("a process");
    rustix::process::kill_process(shim, rustix::process::Signal::STOP).expect("stop the shim");
    // Docker waits ten seconds for who should have killed it, and then does it directly.
    let answer = api.post(&format!("/containers/{id}/stop?t=0"), &json!(null)).expect("an answer");
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(end(&daemon, &id), "137");
    wait::until_true("its process is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    daemon.hythe(["start", &id]).ok();
}
