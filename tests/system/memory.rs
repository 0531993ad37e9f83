//! No memory left: the daemon may die of it, but nothing is lost by that, nothing leaks, and containers go on.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::json;
use testkit::{Answer, Api, Daemon, wait};

/// Megabytes that it may have beyond what it has at rest, one after the other.
const SPARE: [u64; 5] = [0, 1, 4, 16, 64];
/// Clients that work at a time, each with so many containers.
const CLIENTS: usize = 8;
const EACH: usize = 6;

/// Lets the daemon have so much more address space than it has; `None`: as much as it likes.
fn limit(daemon: &Daemon, spare: Option<u64>) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("its status");
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).expect("its size");
    let size: u64 = size.trim().trim_end_matches(" kB").parse().expect("kilobytes");
    let most = spare.map(|spare| size * 1024 + spare * 1024 * 1024);
    let pid = Pid::from_raw(daemon.pid().cast_signed()).expect("a process");
    prlimit(Some(pid), Resource::As, Rlimit { current: most, maximum: None }).expect("prlimit");
}

/// Makes containers, uses and removes them until there is nobody to ask any more.
fn work(api: &Api, client: usize, over: &AtomicBool) {
    let body = json!({ "Image": "busybox", "Cmd": ["sleep", "1000000"], "Volumes": { "/anonymous": {} },
        "HostConfig": { "PortBindings": { "80/tcp": [{ "HostPort": "" }] } }, "ExposedPorts": { "80/tcp": {} } });
    for n in 0..EACH {
        let name = format!("c{client}-{n}");
        let ask = |method: &str, path: &str, body: &serde_json::Value| -> Option<Answer> {
            let text = if body.is_null() { String::new() } else { body.to_string() };
            let answer = api.send(method, path, "application/json", text.as_bytes()).ok();
            over.fetch_or(answer.is_none(), Ordering::Relaxed);
            answer
        };
        let none = json!(null);
        for (method, path, body) in [
            ("POST", format!("/containers/create?name={name}"), &body),
            ("POST", format!("/containers/{name}/start"), &none),
            ("GET", format!("/containers/{name}/json"), &none),
            ("GET", format!("/containers/{name}/logs?stdout=1"), &none),
            ("GET", format!("/containers/{name}/top"), &none),
        ] {
            ask(method, &path, body);
        }
        if n % 2 == 0 {
            ask("DELETE", &format!("/containers/{name}?force=1&v=1"), &none);
        }
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn a_daemon_without_memory_loses_nothing() {
    let mut daemon = Daemon::start();
    let script = "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.02; done";
    daemon.hythe(["run", "-d", "--name", "clock", "-p", "80", "busybox", "sh", "-c", script]).ok();
    daemon
        .hythe(["run", "--name", "ended", "-v", "kept:/kept", "busybox", "sh", "-c", "echo kept > /kept/it"])
        .ok();
    let pid =
        |daemon: &Daemon| daemon.hythe(["inspect", "-f", "{{.State.Pid}} {{.State.Status}}", "clock"]).ok();
    let before = pid(&daemon);
    for spare in SPARE {
        limit(&daemon, Some(spare));
        let over = AtomicBool::new(false);
        let api = daemon.door();
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (api, over) = (&api, &over);
                scope.spawn(move || work(api, client, over));
            }
        });
        daemon.kill();
        daemon.boot();
        assert_eq!(pid(&daemon), before, "with {spare} MB to spare: a container goes on");
        daemon.check_state();
        let left = daemon.hythe(["ps", "-aq", "--filter", "name=^c[0-9]"]).ok();
        if !left.is_empty() {
            daemon.hythe(["rm", "-f", "-v"].into_iter().chain(left.lines())).ok();
        }
        daemon.check_state();
    }
    assert_eq!(daemon.hythe(["run", "--rm", "-v", "kept:/kept", "busybox", "cat", "/kept/it"]).ok(), "kept");
    daemon.hythe(["rm", "-f", "clock", "ended"]).ok();
    daemon.hythe(["volume", "rm", "kept"]).ok();
    daemon.check_leaks();
}

/// Containers that end at the same time, more than there are threads that have nothing to do.
const AT_ONCE: usize = 40;

#[test]
fn ends_are_known_though_there_was_no_thread_for_them() {
    let daemon = Daemon::start();
    let api = daemon.door();
    for n in 0..AT_ONCE {
        // Every other one is started again.
        let retries = n % 2;
        let policy = if retries == 0 { "no" } else { "on-failure" };
        let body = json!({ "Image": "busybox", "Cmd": ["sleep", "1000000"], "HostConfig": { "NetworkMode": "none",
            "RestartPolicy": { "Name": policy, "MaximumRetryCount": retries } } });
        let made = api.post(&format!("/containers/create?name=c{n}"), &body).expect("an answer");
        assert_eq!(made.status, 201, "{}", made.text());
        let started = api.call("POST", &format!("/containers/c{n}/start")).expect("an answer");
        assert_eq!(started.status, 204, "{}", started.text());
    }
    let shown = |n: usize| api.call("GET", &format!("/containers/c{n}/json")).expect("an answer").json();
    let pids: Vec<i64> = (0..AT_ONCE).map(|n| shown(n)["State"]["Pid"].as_i64().expect("a number")).collect();
    limit(&daemon, Some(0));
    for pid in &pids {
        let pid = Pid::from_raw(i32::try_from(*pid).expect("a process id")).expect("a process");
        kill_process(pid, Signal::KILL).expect("kill it");
    }
    wait::until_true("there are no threads", || daemon.log().contains("cannot start a thread"));
    limit(&daemon, None);
    for n in 0..AT_ONCE {
        let expected = if n % 2 == 0 { ("exited", 0) } else { ("running", 1) };
        wait::until_true("its end is known", || {
            let shown = shown(n);
            (shown["State"]["Status"].as_str(), shown["RestartCount"].as_i64())
                == (Some(expected.0), Some(expected.1))
        });
    }
    daemon.check_leaks();
}
