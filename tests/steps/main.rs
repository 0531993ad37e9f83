//! The daemon is killed before every step of an operation, and the next one finishes the operation or undoes it: what
//! it shows is what was there before or what was to be there, never something between, and records, disk and kernel
//! agree. What was answered is done. What was undone can be asked for again.
//!
//! A step is a system call that changes something lasting (see `strace`). `HYTHE_STEPS=all` tries each of them; without
//! it each operation is killed before a few, others in each run. `HYTHE_STEPS=mkdirat:3` tries one, `HYTHE_STEPS=mkdirat` those
//! of a kind.

mod operation;
mod shape;
mod strace;

use std::io;

use testkit::{Answer, Api, Daemon, Options, Registry, Sandbox, fixture, wait};

use operation::Operation;
use shape::Shape;
use strace::{Step, Strace};

/// Steps of each operation in an ordinary run.
const SAMPLE: usize = 6;

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
        if operation.gone {
            let gone =
                || self.api.call("GET", "/containers/box/json").is_ok_and(|answer| answer.status == 404);
            wait::until_true("the container is gone", || strace.killed() || gone());
        }
        wait::until_true("the trash is empty", || strace.killed() || self.is_trash_empty());
    }

    fn is_trash_empty(&self) -> bool {
        let trash = ["snapshots/staging", "snapshots/trash", "volumes/.trash"];
        let empty = |dir: &str| {
            std::fs::read_dir(self.daemon.data().join(dir)).is_ok_and(|mut dir| dir.next().is_none())
        };
        trash.into_iter().all(empty)
    }

    /// Does it once undisturbed: what is shown before and after, and the steps in between.
    fn learn(&self, operation: &Operation) -> (Shape, Shape, Vec<Step>) {
        // What the first of its kind makes for all others (the layer below every container) is not part of it.
        self.prepare(operation);
        let answer = self.act(operation).expect("an answer");
        assert!(done(&answer), "{}: {} {}", operation.name, answer.status, answer.text());
        self.prepare(operation);
        let before = shape::of(&self.api);
        let mut strace = Strace::watch(&self.daemon);
        let answer = self.act(operation).expect("an answer");
        assert!(done(&answer), "{}: {} {}", operation.name, answer.status, answer.text());
        self.rest(operation, &mut strace);
        let steps = strace::steps(&strace.finish());
        assert!(!steps.is_empty(), "{} has no steps", operation.name);
        (before, shape::of(&self.api), steps)
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
        if shape == *before && before != after {
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
fn choose(steps: Vec<Step>) -> Vec<Step> {
    match testkit::env("HYTHE_STEPS").as_deref() {
        Some("all") => steps,
        Some(one) => {
            let named = |step: &Step| step.call == one || format!("{}:{}", step.call, step.count) == one;
            steps.into_iter().filter(named).collect()
        }
        None => {
            let stride = steps.len().div_ceil(SAMPLE).max(1);
            let first = usize::try_from(std::process::id()).unwrap_or(0) % stride;
            steps.into_iter().skip(first).step_by(stride).collect()
        }
    }
}

fn survives(operation: &Operation) {
    let name = operation.name;
    let mut world = World::new(operation.registry);
    let (before, after, steps) = world.learn(operation);
    let all = steps.len();
    let chosen = choose(steps);
    let mut missed = Vec::new();
    for step in &chosen {
        if !world.kill_before(operation, step, &before, &after) {
            missed.push(step.to_string());
        }
    }
    let reached = chosen.len() - missed.len();
    println!("{name}: killed before {reached} of {} chosen steps, of {all}; not: {missed:#?}", chosen.len());
    // Some depend on what else the daemon does; most must be reached, or nothing is tested.
    assert!(reached * 2 >= chosen.len(), "{name}: only {reached} of {} steps were reached", chosen.len());
    shape::reset(&world.api, &world.archive);
    world.daemon.check_leaks();
}
