//! Chaos: the daemon is killed at random moments under load, shims and containers' processes too, and nothing that was
//! answered is lost, nothing is left over, nothing is there twice.
//!
//! `HYTHE_CHAOS_KILLS` says how often the daemon is killed (200), `HYTHE_CHAOS_SEED` repeats a run's dealing. Moments
//! are counted in changes on disk, not in time (see `trigger`), and so is the work: on a busy machine a run takes longer
//! and does the same.
//!
//! Reading a failure: each line says what is wrong with one thing, and below it are the requests about that thing with
//! the status of their answers (`?`: the daemon was killed first; `KILL`: a shim or a process was killed). `[n]` is the
//! daemon's n-th start; its log, where each start is marked with the same number, is printed too.

mod dice;
mod model;
mod trigger;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use testkit::{Api, Daemon, wait};

use dice::Dice;
use trigger::{Trigger, dawdle};
use work::Worker;

/// Workers at a time.
const WORKERS: usize = 4;
/// A round's kill comes after at most so many changes on disk.
const CHANGES: usize = 250;
/// One in so many kills comes while the daemon starts.
const IN_BOOT: usize = 4;
/// Everything is looked at after so many kills.
const LOOK: usize = 5;
/// Steps after which a worker must have killed what is left to it of its deals, far more than it ever takes.
const STEPS: usize = 500;

fn number(name: &str, default: usize) -> usize {
    testkit::env(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

#[test]
fn nothing_is_lost_leaked_or_doubled() {
    let kills = number("HYTHE_CHAOS_KILLS", 200);
    let seed = number("HYTHE_CHAOS_SEED", usize::try_from(std::process::id()).unwrap_or(0));
    println!("HYTHE_CHAOS_SEED={seed} HYTHE_CHAOS_KILLS={kills}");
    let mut chaos = Chaos::new(seed);
    for round in 0..kills {
        for worker in &mut chaos.workers {
            // Over all rounds and workers: half as many shims as daemons, and as many processes.
            worker.shims += usize::from(round % (2 * WORKERS) == 0);
            worker.processes += usize::from(round % (2 * WORKERS) == 1);
        }
        chaos.round();
        if round % LOOK == 0 || round + 1 == kills {
            chaos.look();
        }
    }
    chaos.settle_deals();
    chaos.end();
}

struct Chaos {
    daemon: Daemon,
    api: Api,
    dice: Dice,
    workers: Vec<Worker>,
    seed: usize,
}

impl Chaos {
    fn new(seed: usize) -> Self {
        let daemon = Daemon::start();
        let api = daemon.door();
        let from = u64::try_from(seed).unwrap_or(0);
        let workers = (0..WORKERS).map(|which| Worker::new(api.clone(), from, which)).collect();
        Self { daemon, api, dice: Dice::new(from, 0), workers, seed }
    }

    fn trigger(&self) -> Trigger {
        let data = self.daemon.data();
        let dirs =
            ["", "containers", "snapshots/containers", "snapshots/staging", "snapshots/trash", "volumes"];
        let mut dirs: Vec<PathBuf> = dirs.iter().map(|dir| data.join(dir)).collect();
        dirs.push(self.daemon.state().join("containers"));
        dirs.push(PathBuf::from(format!("/sys/fs/cgroup/pids{}", self.daemon.cgroup())));
        Trigger::watch(&dirs)
    }

    /// Works until the daemon is killed, and starts it again, perhaps killing it meanwhile.
    fn round(&mut self) {
        let trigger = self.trigger();
        let changes = self.dice.below(CHANGES);
        let turns = self.dice.below(200_000);
        let stop = AtomicBool::new(false);
        let (daemon, workers) = (&mut self.daemon, &mut self.workers);
        std::thread::scope(|scope| {
            // Closed by the last worker's end, which only comes first when something is broken.
            let (end, held) = std::io::pipe().expect("a pipe");
            for worker in workers.iter_mut() {
                let held = held.try_clone().expect("a pipe's end");
                let stop = &stop;
                scope.spawn(move || {
                    worker.work(stop);
                    drop(held);
                });
            }
            drop(held);
            trigger.wait(changes, end.as_fd());
            dawdle(turns);
            daemon.kill();
            stop.store(true, Ordering::Relaxed);
        });
        while self.dice.once_in(IN_BOOT) {
            let trigger = self.trigger();
            let ready = self.daemon.begin_boot();
            trigger.wait(self.dice.below(CHANGES / 10), ready.as_fd());
            dawdle(self.dice.below(2_000_000));
            self.daemon.kill();
            self.workers.iter_mut().for_each(|worker| worker.boots += 1);
        }
        self.daemon.boot();
        self.workers.iter_mut().for_each(|worker| worker.boots += 1);
    }

    fn names(&self, path: &str, list: Option<&str>) -> Vec<String> {
        let answer = self.api.call("GET", path).expect("a list").json();
        let list = list.map_or(&answer, |name| &answer[name]);
        let name = |entry: &Value| entry["Name"].as_str().unwrap_or_default().to_owned();
        list.as_array().into_iter().flatten().map(name).collect()
    }

    /// Compares everything with what was answered, and with itself, now that nobody asks for anything.
    fn look(&mut self) {
        let wrong = wait::until_empty(|| self.wrong());
        assert!(wrong.is_empty(), "{}: what was answered is not so\n{}", self.run(), wrong.join("\n"));
        let wrong: Vec<String> =
            self.daemon.disagreements().into_iter().map(|text| self.with_history(text)).collect();
        assert!(
            wrong.is_empty(),
            "{}: records, disk and kernel do not agree\n{}",
            self.run(),
            wrong.join("\n")
        );
        let (all, volumes, networks) = self.lists();
        for worker in &mut self.workers {
            worker.learn(&all, &volumes, &networks);
        }
        let items = self.workers.iter_mut().flat_map(|worker| &mut worker.items);
        let wrong: Vec<String> = items.flat_map(|item| item.contents(&self.api)).collect();
        assert!(wrong.is_empty(), "{}: contents\n{}", self.run(), wrong.join("\n"));
    }

    /// Which run this is, and how far it is.
    fn run(&self) -> String {
        let boots = self.workers.first().map_or(0, |worker| worker.boots);
        format!("HYTHE_CHAOS_SEED={} after the daemon's start {boots}", self.seed)
    }

    /// A problem with the requests about the containers that it names.
    fn with_history(&self, problem: String) -> String {
        let named = |item: &&model::Item| {
            item.id.iter().any(|id| problem.contains(&id[..12]))
                || item.names.iter().any(|name| problem.contains(name.as_str()))
        };
        let history: String = self
            .workers
            .iter()
            .flat_map(|worker| worker.items.iter().filter(named).map(|item| worker.history_of(item)))
            .collect();
        problem + &history
    }

    fn lists(&self) -> (BTreeMap<String, model::Found>, Vec<String>, Vec<String>) {
        let volumes = self.names("/volumes", Some("Volumes"));
        (model::listing(&self.api), volumes, self.names("/networks", None))
    }

    fn wrong(&self) -> Vec<String> {
        let (all, volumes, networks) = self.lists();
        let mut wrong: Vec<String> =
            self.workers.iter().flat_map(|worker| worker.problems(&all, &volumes, &networks)).collect();
        let items = || self.workers.iter().flat_map(|worker| &worker.items);
        let known: BTreeSet<&String> = items().flat_map(|item| &item.names).collect();
        for (id, found) in all.iter().filter(|(_, found)| !known.contains(&found.name)) {
            let history: String =
                self.workers.iter().map(|worker| worker.history_with(&[id, &found.name])).collect();
            wrong.push(format!("nobody has made container {id} ({}, {}){history}", found.name, found.state));
        }
        let mut ids: BTreeMap<&String, usize> = BTreeMap::new();
        items().filter_map(|item| item.id.as_ref()).for_each(|id| *ids.entry(id).or_default() += 1);
        wrong.extend(
            ids.iter().filter(|(_, count)| **count > 1).map(|(id, _)| format!("{id} is there twice")),
        );
        wrong
    }

    /// Kills the shims and processes that the rounds were too short for: a busy machine gets through fewer requests
    /// between two kills of the daemon, and must not be tested less for it.
    fn settle_deals(&mut self) {
        let left: usize = self.workers.iter().map(Worker::deals).sum();
        println!("{left} shims and processes are killed after the last round");
        std::thread::scope(|scope| {
            for worker in &mut self.workers {
                scope.spawn(|| worker.settle_deals(STEPS));
            }
        });
        self.look();
    }

    /// Removes everything: nothing may be left.
    fn end(mut self) {
        let answered: usize = self.workers.iter().map(|worker| worker.answered).sum();
        let (shims, processes) = self.workers.iter().fold((0, 0), |(shims, processes), worker| {
            (shims + worker.killed.0, processes + worker.killed.1)
        });
        println!("{answered} requests were answered, {shims} shims and {processes} processes killed");
        for item in self.workers.iter().flat_map(|worker| &worker.items) {
            let answer = self.api.call("DELETE", &format!("/containers/{}?force=1&v=1", item.reference()));
            let answer = answer.expect("an answer");
            assert!(answer.is_ok() || answer.status == 404, "{}", answer.text());
        }
        self.workers.iter_mut().for_each(|worker| worker.items.clear());
        for network in self.workers.iter().flat_map(|worker| &worker.networks) {
            let answer = self.api.call("DELETE", &format!("/networks/{}", network.name)).expect("an answer");
            assert!(answer.is_ok() || answer.status == 404, "{}", answer.text());
        }
        let known: Vec<&String> =
            self.workers.iter().flat_map(|worker| worker.volumes.iter().map(|volume| &volume.name)).collect();
        let anonymous = wait::until_empty(|| {
            let mut volumes = self.names("/volumes", Some("Volumes"));
            volumes.retain(|name| !known.contains(&name));
            volumes
        });
        assert!(anonymous.is_empty(), "volumes of removed containers are left: {anonymous:?}");
        self.daemon.check_leaks();
    }
}
