//! The daemon is killed before every step of an operation, and the next one finishes the operation or undoes it: what
//! it shows is what was there before or what was to be there, never something between, and records, disk and kernel
//! agree. What was answered is done. What was undone can be asked for again.
//!
//! A step is a system call that changes something lasting (see `strace`). `HYTHE_STEPS=all` tries each of them; without
//! it each operation is killed before a few, others in each run. `HYTHE_STEPS=mkdirat:3` tries one, `HYTHE_STEPS=mkdirat` those
//! of a kind.

mod boot;
mod init;
mod operation;
mod policy;
mod shape;
mod shim;
mod silent;
mod strace;

use std::io;

use testkit::{Answer, Api, Daemon, Options, Registry, Sandbox, fixture, wait};

use operation::Operation;
use shape::Shape;
use strace::{Step, Strace};

/// Steps of each operation in an ordinary run.
const SAMPLE: usize = 4;

/// A daemon for one operation.
struct World {
    daemon: Daemon,
    api: Api,
    archive: Vec<u8>,
    _registry: Option<Registry>,
}

impl World {
    fn new(registry: bool) -> Self {
        let sandbox = Sandbox::new();
        let registry = registry.then(|| Registry::start(&sandbox, 5000, &["busybox"]));
        let flags =
            registry.iter().map(|one| format!("--registry-mirror=http://{}", one.address())).collect();
        let daemon =
            Daemon::within(sandbox, Options { flags, images: vec!["busybox"], ..Options::default() });
        let api = daemon.door();
        let archive = std::fs::read(fixture::archive("busybox")).expect("the image");
        Self { daemon, api, archive, _registry: registry }
    }

    fn prepare(&self, operation: &Operation) {
        shape::reset(&self.api, &self.archive);
        if operation.fresh {
            wait::until_true("the trash is empty", || self.is_trash_empty());
            std::fs::remove_dir_all(self.daemon.data().join("snapshots/init/default"))
                .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
                .expect("remove the init layer");
        }
        for request in operation.before {
            let answer = request.send(&self.api, &self.archive).expect("an answer");
            assert!(done(&answer), "{}: {request:?}: {}", operation.name, answer.text());
        }
        wait::until_true("the trash is empty", || self.is_trash_empty());
    }

    fn act(&self, operation: &Operation) -> io::Result<Answer> {
        operation.act.send(&self.api, &self.archive)
    }

    /// Waits until the daemon has done what it does after its answer, or is dead.
    fn rest(&self, operation: &Operation, strace: &mut Strace) {
        let done = || (operation.until)(&self.api);
        wait::until_true("what follows the answer", || strace.killed() || done());
        wait::until_true("the trash is empty", || strace.killed() || self.is_trash_empty());
    }

    fn is_trash_empty(&self) -> bool {
        let trash = ["snapshots/staging", "snapshots/trash", "volumes/.trash"];
        let empty = |dir: &str| {
            std::fs::read_dir(self.daemon.data().join(dir)).is_ok_and(|mut dir| dir.next().is_none())
        };
        trash.into_iter().all(empty)
    }

    /// Whether everything is as it is to be. A daemon that is killed meanwhile says nothing.
    fn is_settled(&self, expected: &Shape) -> bool {
        self.is_trash_empty() && shape::try_of(&self.api).is_ok_and(|shape| shape.is_subset(expected))
    }

    /// Does it once undisturbed: what is shown before and after, and the steps in between.
    fn learn(&self, operation: &Operation) -> (Shape, Shape, Vec<Step>) {
        // What the first of its kind makes for all others (the layer below every container) is not part of it, nor what
        // the daemon does in the background after what was prepared.
        let (_, first) = self.watch(operation);
        let (before, mut steps) = self.watch(operation);
        steps.retain(|step| first.iter().any(|other| step.is_as(other)));
        assert!(!steps.is_empty(), "{} has no steps", operation.name);
        (before, shape::of(&self.api), steps)
    }

    /// What is shown before, and the steps.
    fn watch(&self, operation: &Operation) -> (Shape, Vec<Step>) {
        self.prepare(operation);
        let before = shape::of(&self.api);
        let mut strace = Strace::watch(&self.daemon);
        let answer = self.act(operation).expect("an answer");
        assert!(done(&answer), "{}: {} {}", operation.name, answer.status, answer.text());
        self.rest(operation, &mut strace);
        (before, strace::steps(&strace.finish()))
    }

    /// Kills the daemon before `step`; whether it got so far.
    fn kill_before(&mut self, operation: &Operation, step: &Step, before: &Shape, after: &Shape) -> bool {
        self.prepare(operation);
        let what = format!("{} killed before {step}", operation.name);
        let mut strace = Strace::kill_before(&self.daemon, step);
        let answer = self.act(operation);
        let answered = match &answer {
            Ok(answer) => done(answer),
            Err(_) => {
                wait::until_true("the daemon is killed", || strace.killed());
                false
            }
        };
        if answered {
            self.rest(operation, &mut strace);
        }
        let reached = strace.killed();
        strace.finish();
        self.daemon.kill();
        self.daemon.boot();
        let fine = |shape: &Shape| {
            shape == after || !answered && (shape == before || shape == &between(before, operation.between))
        };
        let mut shape = Shape::new();
        let settled = wait::until_empty(|| {
            shape = shape::of(&self.api);
            if fine(&shape) { Vec::new() } else { vec![format!("{shape:#?}")] }
        });
        assert!(
            settled.is_empty(),
            "{what}: answered: {answer:?}\nit is neither done nor undone: {}\nbefore: {before:#?}\nafter: {after:#?}",
            settled.join("\n")
        );
        let wrong = self.daemon.disagreements();
        assert!(wrong.is_empty(), "{what}: answered: {answer:?}\n{}", wrong.join("\n"));
        if !answered && shape == *before {
            let again = self.act(operation).expect("an answer");
            assert!(done(&again), "{what}, and asked again: {}", again.text());
            let same = wait::until_empty(|| {
                let shape = shape::of(&self.api);
                if shape == *after { Vec::new() } else { vec![format!("{shape:#?}")] }
            });
            assert!(same.is_empty(), "{what}, and asked again: {}", same.join("\n"));
        }
        reached
    }
}

/// `shape` with other lines for the same things (the first two words); a thing without more is not there.
fn between(shape: &Shape, lines: &[&str]) -> Shape {
    let thing = |line: &str| line.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
    let other = |have: &&String| !lines.iter().any(|line| thing(line) == thing(have));
    let there = lines.iter().filter(|line| line.split(' ').count() > 2);
    shape.iter().filter(other).cloned().chain(there.map(|line| (*line).to_owned())).collect()
}

/// Success, also of an answer that tells failures in its stream.
fn done(answer: &Answer) -> bool {
    answer.is_ok() && !answer.text().contains("\"errorDetail\"")
}

/// The steps that this run tries.
fn choose(steps: Vec<Step>, sample: usize) -> Vec<Step> {
    match testkit::env("HYTHE_STEPS").as_deref() {
        Some("all") => steps,
        Some(one) => steps.into_iter().filter(|step| step.is(one)).collect(),
        None => {
            let stride = steps.len().div_ceil(sample).max(1);
            let first = usize::try_from(std::process::id()).unwrap_or(0) % stride;
            steps.into_iter().skip(first).step_by(stride).collect()
        }
    }
}

/// How many steps were reached.
#[derive(Default)]
struct Tally {
    tried: usize,
    missed: Vec<String>,
    /// Of those by the call alone.
    sure: [usize; 2],
}

impl Tally {
    fn count(&mut self, step: &Step, reached: bool) {
        self.tried += 1;
        if !reached {
            self.missed.push(step.to_string());
        }
        if step.path.is_none() {
            self.sure[usize::from(reached)] += 1;
        }
    }

    /// Some depend on what else the daemon does, some on files of another name each time; most others must be reached, or
    /// nothing is tested.
    fn judge(&self, name: &str, all: usize) {
        let Self { tried, missed, sure: [not, reached] } = self;
        let killed = tried - missed.len();
        println!("{name}: killed before {killed} of {tried} chosen steps, of {all}; not: {missed:#?}");
        assert!(reached >= not, "{name}: only {reached} of {} steps were reached", reached + not);
    }
}

fn survives(operation: &Operation) {
    let name = operation.name;
    let mut world = World::new(operation.registry);
    let (before, after, steps) = world.learn(operation);
    let all = steps.len();
    let chosen = choose(steps, SAMPLE);
    let mut tally = Tally::default();
    for step in &chosen {
        let reached = world.kill_before(operation, step, &before, &after);
        tally.count(step, reached);
    }
    tally.judge(name, all);
    shape::reset(&world.api, &world.archive);
    world.daemon.check_leaks();
}
