//! The daemon is killed while a restart policy starts a container: the program has been executed, and the next daemon knows
//! neither that nor of its end from the records. The run counts all the same.

use testkit::wait;

use crate::strace::{Step, Strace};
use crate::{World, done, shape};

/// Failures before the daemon is killed: the next start is far enough away then.
const BEFORE: u64 = 5;

fn restarts(world: &World) -> u64 {
    let shown = world.api.call("GET", "/containers/box/json").expect("an answer").json();
    shown["RestartCount"].as_u64().expect("a number")
}

/// Kills the daemon before it records that the container runs that its policy has started, in a run that is
/// `lasting` or not.
fn counts(lasting: bool) {
    let mut world = World::new(false);
    let control = world.daemon.scratch().join("control");
    std::fs::create_dir(&control).expect("make a directory");
    let body = format!(
        r#"{{"Image":"busybox","Cmd":["sh","-c","echo try; while [ -e /control/last ]; do sleep 0.02; done; exit 3"],
            "HostConfig":{{"NetworkMode":"none","Binds":["{}:/control"],
            "RestartPolicy":{{"Name":"on-failure","MaximumRetryCount":{}}}}}}}"#,
        control.display(),
        BEFORE + 1
    );
    for (path, body) in [("/containers/create?name=box", &*body), ("/containers/box/start", "")] {
        let answer = world.api.send("POST", path, "application/json", body.as_bytes()).expect("an answer");
        assert!(done(&answer), "{path}: {}", answer.text());
    }
    wait::until_true("it has failed often", || restarts(&world) == BEFORE);
    if lasting {
        std::fs::write(control.join("last"), "").expect("say that it lasts");
    }
    // That is made between the answer to the start and its record.
    let step = Step { call: "eventfd2".to_owned(), count: 1, path: None, seen: String::new() };
    let mut strace = Strace::kill_before(&world.daemon, &step);
    wait::until_true("the daemon is killed", || strace.killed());
    strace.finish();
    world.daemon.kill();
    world.daemon.boot();
    if lasting {
        assert_eq!(state(&world), "running", "what the policy has started goes on");
        std::fs::remove_file(control.join("last")).expect("let it end");
    }
    wait::until_true("it gives up", || state(&world) == "exited");
    let log = world.api.call("GET", "/containers/box/logs?stdout=1").expect("an answer").text();
    assert_eq!((restarts(&world), log.matches("try").count() as u64), (BEFORE + 1, BEFORE + 2), "{log:?}");
    shape::reset(&world.api, &world.archive);
    world.daemon.check_leaks();
}

fn state(world: &World) -> String {
    let shown = world.api.call("GET", "/containers/box/json").expect("an answer").json();
    shown["State"]["Status"].as_str().expect("a word").to_owned()
}

#[test]
fn a_run_that_a_killed_daemon_began_and_that_ended_counts() {
    counts(false);
}

#[test]
fn a_run_that_a_killed_daemon_began_goes_on_and_counts() {
    counts(true);
}
