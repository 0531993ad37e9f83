//! The process that becomes a container's, or an exec's, is killed before each of its calls until its program runs: a start
//! fails with a clear word and leaves nothing, or has been one; the container can be started then, and an exec be made.

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Answer, wait};

use crate::boot::{is_stopped, lives, parent, pid};
use crate::operation::Request;
use crate::shape;
use crate::strace::{self, Step, Strace};
use crate::{Tally, World, choose, done};

/// Calls of each in an ordinary run.
const SAMPLE: usize = 6;

const CREATE: Request = Request::Call(
    "POST",
    "/containers/create?name=box",
    r#"{"Image":"busybox","Cmd":["sleep","1000000"],"StopSignal":"KILL","ExposedPorts":{"80/tcp":{}},
        "HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":""}]},"Tmpfs":{"/t":""},"Sysctls":{"kernel.shmmax":"54321"}}}"#,
);
const START: Request = Request::Call("POST", "/containers/box/start", "");
const EXEC: Request = Request::Exec("echo done");

/// What is being made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Container,
    Exec,
}

fn go_on(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).expect("a process"), Signal::CONT).expect("let it go on");
}

fn status(world: &World) -> String {
    let shown = world.api.call("GET", "/containers/box/json").expect("an answer").json();
    format!("{} {}", shown["State"]["Status"].as_str().unwrap_or_default(), shown["State"]["ExitCode"])
}

impl Made {
    /// Makes it once, its process watched or killed; whether it was killed, what it did, and what was answered.
    fn run(self, world: &World, step: Option<&Step>) -> (bool, String, Answer) {
        shape::reset(&world.api, &world.archive);
        let created = CREATE.send(&world.api, &world.archive).expect("an answer");
        assert!(done(&created), "{}", created.text());
        let (shim, act) = match self {
            Self::Container => (None, START),
            Self::Exec => {
                let started = START.send(&world.api, &world.archive).expect("an answer");
                assert!(done(&started), "{}", started.text());
                (Some(parent(pid(&world.api, "box"))), EXEC)
            }
        };
        let watch = shim.map(|shim| Strace::stop_next_child(&world.daemon, shim));
        let program = shim.is_none().then(|| Strace::stop_next_program(&world.daemon));
        let (api, archive) = (world.api.clone(), world.archive.clone());
        let acting = std::thread::spawn(move || act.send(&api, &archive));
        let watch = watch.unwrap_or_else(|| {
            let program = program.expect("it is watched");
            let shim =
                wait::until("the shim is there", || program.first_seen().filter(|pid| is_stopped(*pid)));
            program.finish();
            let watch = Strace::stop_next_child(&world.daemon, shim);
            go_on(shim);
            watch
        });
        let child = wait::until("its process is there", || watch.first_seen().filter(|pid| is_stopped(*pid)));
        watch.finish();
        let strace = Strace::all_of(&world.daemon, child, step);
        go_on(child);
        let answer = acting.join().expect("no panic").expect("an answer");
        // It is gone before the answer; that of the exec ends by itself too.
        let killed = match self {
            Self::Container => !lives(child),
            Self::Exec => !answer.text().contains("done"),
        };
        (killed, strace.finish(), answer)
    }

    fn survives(self, name: &str) {
        let world = World::new(false);
        let (_, seen, answer) = self.run(&world, None);
        assert!(done(&answer), "{}", answer.text());
        let steps = strace::calls_until_execve(&seen);
        assert!(steps.len() > 20, "{name}: {seen}");
        let all = steps.len();
        let mut tally = Tally::default();
        for step in &choose(steps, SAMPLE) {
            let (killed, _, answer) = self.run(&world, Some(step));
            tally.count(step, killed);
            self.judge(&world, &answer, &format!("{name} killed before {step}"));
        }
        tally.judge(name, all);
        shape::reset(&world.api, &world.archive);
        world.daemon.check_leaks();
    }

    fn judge(self, world: &World, answer: &Answer, what: &str) {
        let text = answer.text();
        match self {
            Self::Container => {
                let told = answer.is_ok() || text.contains("failed to create task for container: ");
                assert!(told, "{what}: {} {text}", answer.status);
                let fine: &[&str] =
                    if answer.is_ok() { &["exited 137", "running 0"] } else { &["created 128"] };
                wait::until_true(&format!("{what}: {fine:?}, answered {text}"), || {
                    fine.contains(&status(world).as_str())
                });
            }
            Self::Exec => {
                assert_eq!(status(world), "running 0", "{what}: {text}");
                wait::until_true("the exec has ended", || {
                    let shown = world.api.call("GET", "/containers/box/json").expect("an answer").json();
                    shown["ExecIDs"].is_null()
                });
            }
        }
        let wrong = world.daemon.disagreements();
        assert!(wrong.is_empty(), "{what}: {text}\n{}", wrong.join("\n"));
        let again = START.send(&world.api, &world.archive).expect("an answer");
        assert!(done(&again) || again.status == 304, "{what}, and started again: {}", again.text());
        let said = EXEC.send(&world.api, &world.archive).expect("an answer");
        assert!(said.text().contains("done"), "{what}, and an exec: {}", said.text());
    }
}

#[test]
fn init_is_killed_while_it_makes_a_container() {
    Made::Container.survives("init");
}

#[test]
fn init_is_killed_while_it_makes_an_exec() {
    Made::Exec.survives("exec");
}
