//! A container's shim is killed before each step of the container's life: its processes go with it, the daemon says how
//! it ended, its restart policy is obeyed, and it can be started again.

use std::io;

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Answer, Api, wait};

use crate::boot::{is_stopped, lives, parent, pid};
use crate::operation::Request;
use crate::shape;
use crate::strace::{self, Step, Strace};
use crate::{Tally, World, choose, done};

/// Steps of each in an ordinary run.
const SAMPLE: usize = 4;

/// A part of a container's life.
struct Part {
    name: &'static str,
    /// The container `box`.
    container: &'static str,
    /// What the shim is killed in; its start without.
    act: Option<Request>,
    /// Whether it is over, if nobody is killed: by what is shown, and the answer.
    over: fn(&Api, &Answer) -> bool,
    /// How the container may end up.
    ends: &'static [&'static str],
}

fn create(body: &'static str) -> Request {
    Request::Call("POST", "/containers/create?name=box", body)
}

const START: Request = Request::Call("POST", "/containers/box/start", "");

/// Status, exit code and whether it was started again.
fn state(api: &Api) -> String {
    let shown = api.call("GET", "/containers/box/json").expect("an answer").json();
    let state = &shown["State"];
    let again = if shown["RestartCount"].as_u64() > Some(0) { " again" } else { "" };
    format!("{} {}{again}", state["Status"].as_str().unwrap_or_default(), state["ExitCode"])
}

impl Part {
    fn survives(&self) {
        let mut world = World::new(false);
        let steps = strace::steps_of_one(&self.run(&mut world, None).1);
        assert!(!steps.is_empty(), "{} has no steps", self.name);
        let all = steps.len();
        let mut tally = Tally::default();
        for step in &choose(steps, SAMPLE) {
            let reached = self.run(&mut world, Some(step)).0;
            tally.count(step, reached);
        }
        tally.judge(self.name, all);
        shape::reset(&world.api, &world.archive);
        world.daemon.check_leaks();
    }

    /// Lives through it once; whether the shim was killed, and what it did.
    fn run(&self, world: &mut World, step: Option<&Step>) -> (bool, String) {
        let what =
            step.map_or_else(|| self.name.to_owned(), |step| format!("{} killed before {step}", self.name));
        shape::reset(&world.api, &world.archive);
        let created = create(self.container).send(&world.api, &world.archive).expect("an answer");
        assert!(done(&created), "{what}: {}", created.text());
        let (shim, mut strace, answer) = match &self.act {
            None => start(world, step),
            Some(act) => {
                let started = START.send(&world.api, &world.archive).expect("an answer");
                assert!(done(&started), "{what}: {}", started.text());
                let shim = parent(pid(&world.api, "box"));
                let strace = Strace::one(&world.daemon, shim, step);
                (shim, strace, act.send(&world.api, &world.archive).expect("an answer"))
            }
        };
        wait::until_true("it is over", || strace.killed() || (self.over)(&world.api, &answer));
        let killed = strace.killed();
        let seen = strace.finish();
        if killed && self.act.is_none() && !answer.is_ok() {
            assert!(
                answer.text().contains("failed to create task for container"),
                "{what}: {}",
                answer.text()
            );
        }
        let settled = wait::until_empty(|| {
            let state = state(&world.api);
            let fine = !killed || !lives(shim) && self.ends.contains(&state.as_str());
            if fine { Vec::new() } else { vec![format!("{state}, answered: {}", answer.text())] }
        });
        assert!(settled.is_empty(), "{what}: {}", settled.join("\n"));
        let wrong = world.daemon.disagreements();
        assert!(wrong.is_empty(), "{what}: {}\n{}", state(&world.api), wrong.join("\n"));
        let logs = world.api.call("GET", "/containers/box/logs?stdout=1&tail=3").expect("an answer");
        assert!(logs.is_ok(), "{what}: its log: {}", logs.text());
        let again = START.send(&world.api, &world.archive).expect("an answer");
        assert!(done(&again), "{what}, and started again: {}", again.text());
        (killed, seen)
    }
}

/// Starts the container, its shim watched or killed from its first call on.
fn start(world: &World, step: Option<&Step>) -> (u32, Strace, Answer) {
    let stopping = Strace::stop_next_program(&world.daemon);
    let (api, archive) = (world.api.clone(), world.archive.clone());
    let starting = std::thread::spawn(move || START.send(&api, &archive));
    let shim = wait::until("the shim is there", || stopping.first_seen().filter(|pid| is_stopped(*pid)));
    stopping.finish();
    let strace = Strace::one(&world.daemon, shim, step);
    kill_process(Pid::from_raw(shim.cast_signed()).expect("a process"), Signal::CONT).expect("let it go on");
    let answer: io::Result<Answer> = starting.join().expect("no panic");
    (shim, strace, answer.expect("an answer"))
}

fn not_running(api: &Api, _: &Answer) -> bool {
    state(api).starts_with("exited")
}

/// An exec has said its word, and its end is known. Without the word the shim has been killed, which `strace` may tell later
/// than the answer is there.
fn executed(api: &Api, answer: &Answer) -> bool {
    let shown = api.call("GET", "/containers/box/json").expect("an answer").json();
    answer.text().contains("done") && shown["ExecIDs"].is_null()
}

macro_rules! parts {
    ($($name:ident($container:expr, $act:expr, $over:expr, $ends:expr);)*) => {
        $(#[test]
        fn $name() {
            Part { name: stringify!($name), container: $container, act: $act, over: $over, ends: $ends }.survives();
        })*
    };
}

const SLEEPS: &str = r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL","ExposedPorts":{"80/tcp":{}},
    "HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":""}]}}}"#;
const ENDS: &str =
    r#"{"Image":"busybox","Cmd":["sh","-c","while [ ! -e /go ]; do sleep 0.02; done; echo bye; exit 3"]}"#;
const LASTS: &str = r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL",
    "HostConfig":{"RestartPolicy":{"Name":"always"}}}"#;
/// Its log is rotated at each thousand bytes or so.
const TALKS: &str = r#"{"Image":"busybox","Cmd":["sh","-c","i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; done; exec sleep 1000000"],
    "StopSignal":"KILL","HostConfig":{"LogConfig":{"Type":"json-file","Config":{"max-size":"1k","max-file":"3"}}}}"#;

parts! {
    shim_starts(SLEEPS, None, |api, _| state(api).starts_with("running"), &["created 128", "exited 137", "running 0"]);
    shim_executes(SLEEPS, Some(Request::Exec("echo done")), executed, &["exited 137"]);
    shim_stops(SLEEPS, Some(Request::Call("POST", "/containers/box/stop?t=0", "")), not_running, &["exited 137"]);
    shim_sees_the_end(ENDS, Some(Request::Exec("touch /go")), not_running, &["exited 3", "exited 137"]);
    shim_is_started_again(
        LASTS,
        Some(Request::End),
        |api, _| state(api) == "running 0 again",
        &["running 0 again"]
    );
    shim_rotates_logs(
        TALKS,
        None,
        |api, _| api.call("GET", "/containers/box/logs?stdout=1&tail=1").is_ok_and(|log| log.text().contains("line 100")),
        &["created 128", "exited 137", "running 0"]
    );
}
