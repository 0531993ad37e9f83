//! A daemon that starts with two hundred containers: it finds them all as they were, and the work that takes grows with
//! their number, not faster.

use std::time::Instant;

use serde_json::json;
use testkit::Daemon;

/// Reads and writes of a daemon's start, besides those for its containers.
const BASE: usize = 1_500;
/// Reads and writes for one container.
const EACH: usize = 40;

/// Makes containers until there are `count`, every other one running.
fn make(daemon: &Daemon, from: usize, count: usize) {
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let api = daemon.door();
            scope.spawn(move || {
                for n in (from..count).filter(|n| n % 4 == worker) {
                    let body = json!({ "Image": "busybox", "Cmd": ["sleep", "1000000"] });
                    let made =
                        api.post(&format!("/containers/create?name=many{n}"), &body).expect("an answer");
                    assert_eq!(made.status, 201, "{}", made.text());
                    if n % 2 == 0 {
                        let path = format!("/containers/many{n}/start");
                        let started = api.call("POST", &path).expect("an answer");
                        assert_eq!(started.status, 204, "{}", started.text());
                    }
                }
            });
        }
    });
}

/// Kills the daemon and starts it again: its reads and writes until it answered.
fn restart(daemon: &mut Daemon) -> usize {
    daemon.kill();
    let begin = Instant::now();
    daemon.boot();
    let took = begin.elapsed();
    let io = std::fs::read_to_string(format!("/proc/{}/io", daemon.pid())).expect("the daemon's calls");
    let count =
        |name: &str| io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<usize>().ok());
    let calls = count("syscr:").expect("reads") + count("syscw:").expect("writes");
    eprintln!("{calls} reads and writes, {took:?}");
    calls
}

#[test]
fn a_start_with_two_hundred_containers_adopts_them_all() {
    let mut daemon = Daemon::start();
    let list = |daemon: &Daemon| {
        daemon.hythe(["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"]).ok()
    };
    make(&daemon, 0, 20);
    let few = restart(&mut daemon);
    make(&daemon, 20, 200);
    let before = list(&daemon);
    let many = restart(&mut daemon);
    assert_eq!(list(&daemon), before);
    assert_eq!(before.lines().filter(|line| line.ends_with("running")).count(), 100);
    assert!(few <= BASE + 20 * EACH, "{few} reads and writes for 20 containers");
    assert!(many <= BASE + 200 * EACH, "{many} reads and writes for 200 containers");
    // Ten times as many containers are not more than ten times the work.
    assert!(many <= 10 * few, "{few} for 20, {many} for 200");
    daemon.check_state();
}
