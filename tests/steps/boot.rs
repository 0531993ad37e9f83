//! The start of a daemon itself, killed before each of its steps: what its predecessor left half done is finished all the
//! same by the one after it.

use std::io::Read;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Api, wait};

use crate::operation::Request;
use crate::shape::{self, Shape};
use crate::strace::{self, How, Step, Strace};
use crate::{Tally, World, choose, done};

/// Starts that are killed in an ordinary run: each needs all those containers anew.
const SAMPLE: usize = 4;

const fn create(path: &'static str, body: &'static str) -> Request {
    Request::Call("POST", path, body)
}

const fn start(path: &'static str) -> Request {
    Request::Call("POST", path, "")
}

/// Containers in each state that a daemon can find.
const BEFORE: &[Request] = &[
    Request::Call("POST", "/networks/create", r#"{"Name":"net"}"#),
    create("/containers/create?name=idle", r#"{"Image":"busybox"}"#),
    create(
        "/containers/create?name=box",
        r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL","Volumes":{"/anonymous":{}},
            "ExposedPorts":{"80/tcp":{}},
            "HostConfig":{"Binds":["kept:/data"],"NetworkMode":"net","PortBindings":{"80/tcp":[{"HostPort":""}]}}}"#,
    ),
    start("/containers/box/start"),
    create(
        "/containers/create?name=frozen",
        r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL"}"#,
    ),
    start("/containers/frozen/start"),
    start("/containers/frozen/pause"),
    create(
        "/containers/create?name=ends",
        r#"{"Image":"busybox","Cmd":["sleep","1000000"],"HostConfig":{"NetworkMode":"net"}}"#,
    ),
    start("/containers/ends/start"),
    create(
        "/containers/create?name=orphan",
        r#"{"Image":"busybox","Cmd":["sleep","1000000"],"HostConfig":{"NetworkMode":"net"}}"#,
    ),
    start("/containers/orphan/start"),
    create(
        "/containers/create?name=again",
        r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL",
            "HostConfig":{"NetworkMode":"net","RestartPolicy":{"Name":"always"}}}"#,
    ),
    start("/containers/again/start"),
    create(
        "/containers/create?name=once",
        r#"{"Image":"busybox","Cmd":["sleep","1000000"],"Volumes":{"/anonymous":{}},"HostConfig":{"AutoRemove":true}}"#,
    ),
    start("/containers/once/start"),
    create(
        "/containers/create?name=half",
        r#"{"Image":"busybox","Volumes":{"/anonymous":{}},"HostConfig":{"Binds":["kept:/data"],"NetworkMode":"net"}}"#,
    ),
];

/// Whose process ends while no daemon is there.
const ENDS: &[&str] = &["ends", "again", "once"];
/// Whose shim is killed then.
const ORPHANED: &[&str] = &["orphan"];

/// Makes everything, kills the daemon while it removes `half`, and ends what is to end.
fn prepare(world: &mut World) {
    shape::reset(&world.api, &world.archive);
    for request in BEFORE {
        let answer = request.send(&world.api, &world.archive).expect("an answer");
        assert!(done(&answer), "{request:?}: {}", answer.text());
    }
    wait::until_true("the trash is empty", || world.is_trash_empty());
    let pids: Vec<u32> = ENDS.iter().chain(ORPHANED).map(|name| pid(&world.api, name)).collect();
    let step = Step { call: "rename".to_owned(), count: 1, path: None, seen: String::new() };
    let mut strace = Strace::kill_before(&world.daemon, &step);
    let answer = world.api.call("DELETE", "/containers/half?v=1");
    assert!(answer.is_err(), "a removal renames nothing: {answer:?}");
    wait::until_true("the daemon is killed", || strace.killed());
    strace.finish();
    world.daemon.kill();
    for (place, pid) in pids.iter().enumerate() {
        end(if place < ENDS.len() { *pid } else { parent(*pid) });
        wait::until_true("it has ended", || !lives(*pid));
    }
}

pub(crate) fn lives(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}/exe")).exists()
}

fn end(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).expect("a process"), Signal::KILL).expect("kill it");
    wait::until_true("it has ended", || !lives(pid));
}

pub(crate) fn pid(api: &Api, name: &str) -> u32 {
    let state = api.call("GET", &format!("/containers/{name}/json")).expect("an answer").json();
    state["State"]["Pid"]
        .as_u64()
        .and_then(|pid| u32::try_from(pid).ok())
        .filter(|pid| *pid > 0)
        .expect("it runs")
}

pub(crate) fn parent(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its parent");
    line.parse().expect("a number")
}

/// What is to be there after the start, whatever happened to those before it.
fn finished(world: &World) -> Shape {
    let mut shape = Shape::new();
    let ready = |shape: &Shape| {
        let has = |start: &str| shape.iter().any(|line| line.starts_with(start));
        has("container /box running")
            && has("container /frozen paused")
            && has("container /again running")
            && has("container /ends exited(137)")
            && has("container /orphan exited(137)")
            && has("container /idle created")
            && !has("container /once")
            && !has("container /half")
            && has("volumes without a name: 1")
            && has("volume kept")
    };
    let wrong = wait::until_empty(|| {
        shape = shape::of(&world.api);
        if ready(&shape) && world.is_trash_empty() { Vec::new() } else { vec![format!("{shape:#?}")] }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shape
}

/// A daemon that has never been started.
fn prepare_nothing(world: &mut World) {
    shape::reset(&world.api, &world.archive);
    world.daemon.kill();
    for dir in [world.daemon.data(), world.daemon.state()] {
        std::fs::remove_dir_all(&dir).expect("remove the daemon's directories");
    }
}

/// What is there after the first start of all.
fn begun(world: &World) -> Shape {
    let info = world.api.call("GET", "/info").expect("an answer").json();
    let mut shape = shape::of(&world.api);
    shape.insert(format!("an ID of {} letters", info["ID"].as_str().unwrap_or_default().len()));
    shape
}

/// A kind of start.
struct Start {
    name: &'static str,
    prepare: fn(&mut World),
    /// Waits for what is to be there in the end, and gives it.
    finished: fn(&World) -> Shape,
}

impl Start {
    fn survives(&self) {
        let mut world = World::new(false);
        (self.prepare)(&mut world);
        let (booted, answers) = Strace::boot(&mut world.daemon, &How::Watched);
        assert!(answers, "{}", world.daemon.log());
        let expected = (self.finished)(&world);
        let pid = world.daemon.pid();
        world.daemon.kill();
        let steps = strace::steps(&booted.finish(pid));
        assert!(!steps.is_empty(), "{} has no steps", self.name);
        world.daemon.boot();
        let all = steps.len();
        let chosen = choose(steps, SAMPLE);
        let mut tally = Tally::default();
        for step in &chosen {
            let reached = self.kill_before(&mut world, step, &expected);
            tally.count(step, reached);
        }
        tally.judge(self.name, all);
        shape::reset(&world.api, &world.archive);
        world.daemon.check_leaks();
    }

    /// Kills the daemon before `step` of its start; whether it got so far.
    fn kill_before(&self, world: &mut World, step: &Step, expected: &Shape) -> bool {
        let what = format!("{} killed before {step}", self.name);
        (self.prepare)(world);
        let (booted, answers) = Strace::boot(&mut world.daemon, &How::Killed(step));
        if answers {
            // It may be killed in what it does behind its first answers.
            wait::until_true("it rests", || world.daemon.has_ended() || world.is_settled(expected));
        } else {
            wait::until_true("the daemon is killed", || world.daemon.has_ended());
        }
        let reached = world.daemon.has_ended();
        let pid = world.daemon.pid();
        world.daemon.kill();
        booted.finish(pid);
        world.daemon.boot();
        assert_eq!((self.finished)(world), *expected, "{what}");
        let wrong = world.daemon.disagreements();
        assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
        reached
    }
}

#[test]
fn start_of_the_daemon() {
    Start { name: "start", prepare, finished }.survives();
}

#[test]
fn first_start_of_the_daemon() {
    Start { name: "first start", prepare: prepare_nothing, finished: begun }.survives();
}

/// However long a start takes, nobody is started again by his policy before it is clear what was there.
#[test]
fn slow_start_of_the_daemon() {
    let mut world = World::new(false);
    let send = |path: &str, body: &str| {
        let answer = world.api.send("POST", path, "application/json", body.as_bytes()).expect("an answer");
        assert!(done(&answer), "{path}: {}", answer.text());
    };
    send("/networks/create", r#"{"Name":"net"}"#);
    let names: Vec<String> = (0..6).map(|number| format!("again{number}")).collect();
    for name in &names {
        let body = r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL",
            "HostConfig":{"NetworkMode":"net","RestartPolicy":{"Name":"always"}}}"#;
        send(&format!("/containers/create?name={name}"), body);
        send(&format!("/containers/{name}/start"), "");
    }
    let pids: Vec<u32> = names.iter().map(|name| pid(&world.api, name)).collect();
    world.daemon.kill();
    for pid in pids {
        end(pid);
    }
    // Each run that has ended is taken away by the one; each that begins tells the kernel's networking by the other.
    let (booted, answers) = Strace::boot(&mut world.daemon, &How::Delayed("rename,sendto"));
    assert!(answers, "{}", world.daemon.log());
    wait::until_true("all run again", || {
        let shape = shape::of(&world.api);
        names
            .iter()
            .all(|name| shape.iter().any(|line| line.starts_with(&format!("container /{name} running"))))
    });
    let shape = shape::of(&world.api);
    assert!(shape.contains(&format!("network net {names:?}")), "{shape:#?}");
    for name in &names {
        assert_eq!(world.daemon.hythe(["exec", name, "ls", "/sys/class/net"]).ok(), "eth0\nlo");
    }
    world.daemon.check_state();
    let pid = world.daemon.pid();
    world.daemon.kill();
    booted.finish(pid);
    world.daemon.boot();
    shape::reset(&world.api, &world.archive);
}

/// The daemon is killed when it has started a shim which has not come to do anything yet: the next one waits for its end,
/// or both would work on the same container.
#[test]
fn a_shim_that_has_just_begun() {
    let mut world = World::new(false);
    let create = Request::Call(
        "POST",
        "/containers/create?name=box",
        r#"{"Image":"busybox","Cmd":["sleep","1000000"]}"#,
    );
    create.send(&world.api, &world.archive).expect("an answer");
    let strace = Strace::stop_next_program(&world.daemon);
    let api = world.api.clone();
    let starting = std::thread::spawn(move || api.call("POST", "/containers/box/start"));
    let shim = wait::until("the shim is there", || strace.first_seen().filter(|pid| is_stopped(*pid)));
    strace.finish();
    world.daemon.kill();
    assert!(starting.join().expect("no panic").is_err());
    assert!(is_stopped(shim), "it goes on too early");
    let ready = world.daemon.begin_boot();
    // As long as that shim may do something, nothing is answered.
    let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
    let early = poll(&mut [PollFd::new(&ready, PollFlags::IN)], Some(&timeout)).expect("poll") > 0;
    kill_process(Pid::from_raw(shim.cast_signed()).expect("a process"), Signal::CONT).expect("let it go on");
    assert!(!early, "the daemon answers while an earlier one's shim has just begun");
    assert_eq!((&ready).read(&mut [0]).expect("read the ready pipe"), 1, "{}", world.daemon.log());
    assert!(!lives(shim), "it has not ended");
    let answer = world.api.call("POST", "/containers/box/start").expect("an answer");
    assert!(answer.is_ok(), "{}", answer.text());
    world.daemon.check_state();
    shape::reset(&world.api, &world.archive);
    world.daemon.check_leaks();
}

pub(crate) fn is_stopped(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.contains("State:\tT") || status.contains("State:\tt")
}
