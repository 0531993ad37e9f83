//! A daemon is started while shims hang: it answers without them, takes nothing from them, and has them back when they go on.

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Answer, wait};

use crate::boot::{is_stopped, lives, parent, pid};
use crate::operation::Request;
use crate::strace::Strace;
use crate::{World, done, shape};

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).expect("a process"), signal).expect("signal it");
}

fn call(world: &World, method: &'static str, path: &'static str, body: &'static str) -> Answer {
    Request::Call(method, path, body).send(&world.api, &world.archive).expect("an answer")
}

fn fine(world: &World, method: &'static str, path: &'static str, body: &'static str) {
    let answer = call(world, method, path, body);
    assert!(done(&answer), "{method} {path}: {}", answer.text());
}

fn status(world: &World, name: &str) -> String {
    let shown = world.api.call("GET", &format!("/containers/{name}/json")).expect("an answer").json();
    shown["State"]["Status"].as_str().expect("a word").to_owned()
}

const SLEEPS: &str = r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL",
    "Volumes":{"/anonymous":{}},"HostConfig":{"Binds":["kept:/data"]}}"#;

#[test]
fn shims_that_are_stopped_keep_what_they_have_and_are_there_again_when_they_go_on() {
    let mut world = World::new(false);
    shape::reset(&world.api, &world.archive);
    for (create, start) in [
        ("/containers/create?name=good", "/containers/good/start"),
        ("/containers/create?name=silent", "/containers/silent/start"),
        ("/containers/create?name=frozen", "/containers/frozen/start"),
        ("/containers/create?name=hopeless", "/containers/hopeless/start"),
        ("/containers/create?name=ended", "/containers/ended/start"),
    ] {
        fine(&world, "POST", create, SLEEPS);
        fine(&world, "POST", start, "");
    }
    fine(&world, "POST", "/containers/frozen/pause", "");
    let stopped = ["silent", "frozen", "hopeless", "ended"];
    let pids = stopped.map(|name| pid(&world.api, name));
    let shims = pids.map(parent);
    for shim in shims {
        signal(shim, Signal::STOP);
    }
    world.daemon.kill();
    world.daemon.boot();
    assert_eq!(
        ["good", "silent", "frozen", "hopeless"].map(|name| status(&world, name)),
        ["running", "running", "paused", "running"]
    );
    fine(&world, "DELETE", "/containers/hopeless?force=1&v=1", "");
    assert!(!lives(pids[2]) && !lives(shims[2]), "it is removed with its shim");
    signal(pids[3], Signal::KILL);
    for shim in [shims[0], shims[1], shims[3]] {
        signal(shim, Signal::CONT);
    }
    wait::until_true("the end is told", || status(&world, "ended") == "exited");
    fine(&world, "POST", "/containers/frozen/unpause", "");
    for (name, pid) in [("silent", pids[0]), ("frozen", pids[1])] {
        assert!(lives(pid), "{name} has gone on all the time");
        let path = format!("/containers/{name}/top");
        let top = world.api.call("GET", &path).expect("an answer");
        assert!(top.is_ok() && top.text().contains(&pid.to_string()), "{name}: {}", top.text());
    }
    let wrong = world.daemon.disagreements();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shape::reset(&world.api, &world.archive);
    world.daemon.check_leaks();
}

#[test]
fn a_shim_that_is_stopped_before_it_listens_is_waited_for_behind_the_start() {
    let mut world = World::new(false);
    shape::reset(&world.api, &world.archive);
    fine(&world, "POST", "/containers/create?name=good", SLEEPS);
    fine(&world, "POST", "/containers/good/start", "");
    fine(&world, "POST", "/containers/create?name=box", SLEEPS);
    let stopping = Strace::stop_next_program(&world.daemon);
    let (api, archive) = (world.api.clone(), world.archive.clone());
    let starting =
        std::thread::spawn(move || Request::Call("POST", "/containers/box/start", "").send(&api, &archive));
    let shim = wait::until("the shim is there", || stopping.first_seen().filter(|pid| is_stopped(*pid)));
    stopping.finish();
    world.daemon.kill();
    assert!(starting.join().expect("no panic").is_err());
    world.daemon.boot();
    assert_eq!([status(&world, "good"), status(&world, "box")], ["running", "created"]);
    let refused = call(&world, "POST", "/containers/box/start", "");
    assert!(refused.text().contains("an earlier run of container"), "{}", refused.text());
    signal(shim, Signal::CONT);
    wait::until_true("the shim has ended", || !lives(shim));
    wait::until_true("it can be started", || done(&call(&world, "POST", "/containers/box/start", "")));
    let wrong = world.daemon.disagreements();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shape::reset(&world.api, &world.archive);
    world.daemon.check_leaks();
}
