//! The daemon's start: what lives is taken back, what was begun is finished, what has no owner is removed.
//!
//! Steps, each from the records alone: containers are shown; their shims are asked, many at once, because one that hangs
//! takes its time; exits that happened meanwhile are recorded like any other; removals go on; leftovers of `--rm` are removed; directories without a record go; and last,
//! the restart policies start what they want, and nothing else does before.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use errdefs::{Collected, Context, Result};
use jiff::Timestamp;
use parking_lot::Mutex;
use shim::{Adopted, Exit};

use super::record::{CONTAINERS, Record};
use super::shared::{Container, Defaults, Shared};
use super::state::Phase;
use super::{Containers, RemoveOptions, names};

/// Shims asked at a time.
const ASKED_AT_ONCE: usize = 16;
/// Exit code of a container whose shim left no word: the machine was stopped, or the shim killed.
const UNKNOWN: i32 = 137;

impl Containers {
    /// Takes back what lives, finishes what was begun, and starts what its restart policy wants. Once, at daemon start.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub fn restore(&self) -> Result<()> {
        let shared = &self.shared;
        // Whoever started again before it is clear what was there would be taken for one that does not live.
        shared.timers.hold();
        let mut all = Vec::new();
        for (id, record) in shared.parts.store.list(&CONTAINERS)? {
            if let Err(error) = shared.registry.reserve(&record.name, &id) {
                tracing::error!(container = names::short(&id), %error, "two containers with one name");
            }
            let layers = shared.parts.images.lease_layers(&record.held_layers());
            let container = Container::new(record, layers);
            shared.registry.insert(&id, Arc::clone(&container));
            all.push(container);
        }
        let before: Vec<Arc<Record>> = all.iter().map(|container| container.record()).collect();
        let mut unclear = HashSet::new();
        for (container, adopted) in all.iter().zip(shared.ask(&all)) {
            if !shared.recover(container, adopted) {
                unclear.insert(container.id.clone());
                shared.acquire_volumes(&container.record());
            }
        }
        // Those that live have acquired theirs.
        shared.parts.volumes.unmount_unused();
        let strays = self.remove_strays()?;
        shared.parts.shippers.resume(|id| shared.registry.by_id(id).is_some())?;
        let lives = |one: &&Arc<Container>| one.live.lock().handle.is_some() || unclear.contains(&one.id);
        let live: HashSet<String> = all.iter().filter(lives).map(|one| one.id.clone()).collect();
        shared.remove_dead_groups(&before, &strays, &live);
        let reconciled = shared.parts.networks.reconcile(&live)?;
        // Who joined, left or was renamed when the last daemon was killed may not have been told to all.
        let endpoints: Vec<_> = live.iter().flat_map(|id| shared.parts.networks.endpoints_of(id)).collect();
        shared.tell_neighbours(&endpoints);
        for container in all.iter().filter(|one| live.contains(&one.id)) {
            if let Err(error) = shared.open_links(&container.record()) {
                tracing::error!(container = names::short(&container.id), %error, "cannot open what is linked");
            }
        }
        tracing::info!(containers = all.len(), live = live.len(), ?reconciled, "restored");
        for (container, before) in all.iter().zip(before) {
            if unclear.contains(&container.id) {
                shared.recover_later(container, before);
            } else {
                shared.boot(container, &before);
            }
        }
        shared.timers.release();
        // What an earlier daemon, or the steps above, removed and did not delete.
        shared.empty_trash_later();
        Ok(())
    }

    /// Removes directories and writable layers of containers that have no record: creates that a crash cut short, and
    /// removals that it cut after the record. What cannot be removed is left for the next start. The IDs are given.
    fn remove_strays(&self) -> Result<BTreeSet<String>> {
        let shared = &self.shared;
        // Other writable layers are builds', whose names are no container IDs.
        let stray = |id: &str| names::is_id(id) && shared.registry.by_id(id).is_none();
        let mut strays = BTreeSet::new();
        let mut sweep = Collected::new();
        for id in shared.parts.snapshots.list_writables()?.into_iter().filter(|id| stray(id)) {
            sweep.step(shared.parts.snapshots.remove_writable(&id));
            strays.insert(id);
        }
        for dir in [&shared.config.data, &shared.config.state] {
            let entries = fs::read_dir(dir).context(|| format!("read {}", dir.display()))?;
            for entry in entries.flatten() {
                let (id, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
                if stray(&id) {
                    let _ =
                        rustix::mount::unmount(shared.shared_shm(&id), rustix::mount::UnmountFlags::DETACH);
                    sweep.step(fs::remove_dir_all(&path).context(|| format!("remove {}", path.display())));
                    strays.insert(id);
                }
            }
        }
        for id in &strays {
            tracing::info!(container = names::short(id), "removed files without a record");
        }
        if let Err(error) = sweep.finish() {
            tracing::error!(%error, "files without a record are left");
        }
        Ok(strays)
    }

    /// Takes other defaults for containers made from now on.
    pub fn reconfigure(&self, defaults: Defaults) {
        *self.shared.defaults.write() = defaults;
    }

    /// Stops the engine's own work for these containers (timers, probes, sending logs). The containers live on.
    pub fn shutdown(&self) {
        self.shared.parts.shippers.shutdown();
        for container in self.shared.registry.all() {
            let mut live = container.live.lock();
            if let Some(timer) = live.restart.take() {
                self.shared.timers.cancel(timer);
            }
            live.health.pause(&self.shared.timers);
        }
        // Removed files are deleted behind the answer; what is still waiting goes now.
        if let Err(error) = self.shared.parts.snapshots.empty_trash() {
            tracing::warn!(%error, "files of removed containers and layers are left for the next start");
        }
    }
}

impl Shared {
    /// Removes control groups of containers that do not run: left by a shim that was killed. Only of those that are or
    /// were this engine's, because another one may have the same parent.
    fn remove_dead_groups(&self, records: &[Arc<Record>], strays: &BTreeSet<String>, live: &HashSet<String>) {
        let mut parents: BTreeMap<String, HashSet<&str>> = BTreeMap::new();
        for record in records {
            let cgroup = record.cgroup();
            let parent = cgroup.rsplit_once('/').map_or("", |(parent, _)| parent);
            parents.entry(parent.to_owned()).or_default().insert(&record.id);
        }
        let default = match self.config.cgroup_parent.trim_matches('/') {
            "" => cgroups::DEFAULT_PARENT.to_owned(),
            parent => format!("/{parent}"),
        };
        parents.entry(default).or_default().extend(strays.iter().map(String::as_str));
        for (parent, ours) in parents {
            let dead = |id: &String| ours.contains(id.as_str()) && !live.contains(id);
            for id in self.layout.children(&parent).into_iter().filter(dead) {
                tracing::info!(container = names::short(&id), "removing a control group that nobody is in");
                shim::remove_group(&self.layout, &format!("{parent}/{id}"));
            }
        }
    }

    /// Asks what has become of containers, many at a time.
    fn ask(&self, all: &[Arc<Container>]) -> Vec<Result<Adopted>> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(container) = all.get(place) else { return };
                let answer = self.ask_one(container);
                found.lock().insert(place, answer);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..ASKED_AT_ONCE.min(all.len()) {
                // Without a thread the others do its work.
                let _ = std::thread::Builder::new().name("adopt".into()).spawn_scoped(scope, work);
            }
            work();
        });
        found.into_inner().into_values().collect()
    }

    fn ask_one(&self, container: &Container) -> Result<Adopted> {
        let dir = self.state_dir(&container.id);
        self.parts.launcher.adopt(container.id.as_str().into(), &dir, container.record().state.pid)
    }

    /// Waits until a container can be brought together with what its shim has left, and does that.
    fn recover_later(self: &Arc<Self>, container: &Arc<Container>, before: Arc<Record>) {
        let (shared, container) = (Arc::clone(self), Arc::clone(container));
        crate::background("adopt", move || {
            if let Err(error) = shim::wait_until_abandoned(&shared.state_dir(&container.id)) {
                tracing::warn!(container = shared.short(&container), %error, "cannot wait for its shim's end");
            }
            if container.live.lock().handle.is_none() && container.progress.now().removed.is_none() {
                let adopted = shared.ask_one(&container);
                if shared.recover(&container, adopted) {
                    shared.boot(&container, &before);
                }
            }
        });
    }

    /// Brings one container's record and its shim together; `false` if the shim can be neither asked nor waited for.
    fn recover(self: &Arc<Self>, container: &Arc<Container>, adopted: Result<Adopted>) -> bool {
        let _operation = container.operation.lock();
        let record = container.record();
        let dir = self.state_dir(&record.id);
        let followed = |adopted: Adopted| match &adopted {
            Adopted::Running(handle) => self.parts.launcher.follow(handle).map(|()| adopted),
            Adopted::Exited(_) | Adopted::Gone => Ok(adopted),
        };
        let adopted = match adopted.and_then(followed) {
            Ok(adopted) => adopted,
            // It is there: to take it for ended would give what it has to others.
            Err(error) => {
                tracing::error!(container = self.short(container), %error, "cannot adopt: it is left as it is");
                return false;
            }
        };
        match adopted {
            Adopted::Running(handle) => self.take_back(container, handle),
            Adopted::Exited(exit)
                if record.state.phase.has_process() || is_of_unknown_run(&record, &exit) =>
            {
                self.ended(container, exit, None);
            }
            Adopted::Gone if record.state.phase.has_process() => {
                let at = logs::Time(i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(0));
                self.ended(container, Exit { code: UNKNOWN, signal: None, oom: false, at }, None);
            }
            Adopted::Exited(_) | Adopted::Gone => {
                // A start that a crash cut short, perhaps before it had a directory: nothing of it was ever told.
                self.unmount_shm(&record);
                if dir.exists() {
                    self.end_run(&record);
                }
            }
        }
        let record = container.record();
        let leftover = record.auto_remove && !record.state.phase.counts_as_running();
        let begun = matches!(record.state.phase, Phase::Removing | Phase::Dead);
        if (leftover || begun) && container.progress.now().removed.is_none() {
            let volumes = record.auto_remove || record.remove_volumes;
            let options = RemoveOptions { volumes, ..RemoveOptions::default() };
            if let Err(error) = self.remove_stopped(container, options) {
                tracing::error!(container = self.short(container), %error, "cannot finish a removal");
            }
        }
        true
    }

    fn acquire_volumes(&self, record: &Record) {
        for point in record.mounts.iter().filter(|point| point.kind == super::mountpoint::Kind::Volume) {
            if let Err(error) = self.parts.volumes.acquire(&point.name, &record.id) {
                tracing::error!(container = names::short(&record.id), volume = point.name, %error, "acquire");
            }
        }
    }

    fn take_back(self: &Arc<Self>, container: &Arc<Container>, handle: shim::Handle) {
        let record = container.record();
        // One that does not answer is taken for what it was.
        let silent = handle.is_silent();
        let phase = if silent { None } else { handle.status().ok().map(|(phase, _)| phase) };
        let paused = phase == Some(shim::Phase::Paused) || silent && record.state.phase == Phase::Paused;
        let created = phase == Some(shim::Phase::Created);
        // What the restart policy has started is what it wants now, too.
        let begun = record.state.phase == Phase::Restarting && !silent;
        if created || !record.state.phase.has_process() && !begun {
            // Made but never told: a start that a crash cut short is undone.
            self.abandon(container, &handle);
            self.end_run(&record);
            return;
        }
        let other_version = handle.other_version();
        let paused = paused || other_version.is_some() && record.state.phase == Phase::Paused;
        let pid = handle.pid().unwrap_or(record.state.pid);
        {
            let mut live = container.live.lock();
            live.handle = Some(handle);
            live.log_ended = logs::Signal::new().ok();
            super::log::send(self, &record, live.log_ended.as_ref());
        }
        let record = self.happened(container, |record| {
            if begun {
                record.state.started(pid, Timestamp::now());
            }
            record.state.pid = pid;
            record.state.phase = if paused { Phase::Paused } else { Phase::Running };
        });
        if begun {
            self.tell(&record, "start", &[]);
        }
        if let Err(error) = self.settle_networks(container) {
            tracing::error!(container = self.short(container), %error, "cannot settle its networks");
        }
        self.acquire_volumes(&record);
        if silent {
            tracing::warn!(container = self.short(container), "its shim does not answer yet");
        }
        if let Some(spoken) = other_version {
            let container = self.short(container);
            tracing::warn!(container, spoken, "started by another version: it can be ended, and little else");
            // A probe could only fail.
            return;
        }
        // The start period counts from the start, whoever was there then.
        let age = record.state.started_at.map(|at| Timestamp::now().duration_since(at));
        let age = age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default();
        self.start_health(container, Instant::now().checked_sub(age).unwrap_or_else(Instant::now));
    }

    /// What the restart policy wants of a container at daemon start.
    fn boot(self: &Arc<Self>, container: &Arc<Container>, before: &Record) {
        let record = container.record();
        if container.live.lock().restart.is_some() || record.state.phase.has_process() {
            return;
        }
        let was_running = before.state.phase.counts_as_running();
        let state = &record.state;
        let policy =
            record.policy().applies_at_boot(was_running, state.by_hand, state.exit_code, state.restarts);
        // Between its end as unhealthy and its new start.
        let unhealthy = state.phase == Phase::Restarting && record.restarts_unhealthy();
        let wanted = matches!(state.phase, Phase::Exited | Phase::Restarting) && (policy || unhealthy);
        if !wanted {
            if state.phase == Phase::Restarting {
                self.happened(container, |record| record.state.phase = Phase::Exited);
                container.progress.update(|moment| moment.running = false);
            }
            return;
        }
        self.happened(container, |record| record.state.phase = Phase::Restarting);
        container.progress.update(|moment| moment.running = true);
        self.restart_later(container, Duration::ZERO);
    }
}

/// Whether this is the end of a run that the restart policy began and whose start a killed daemon did not record: it
/// counts as any other, or the container would be started more often than the policy says. The end of the run before it is
/// recorded.
fn is_of_unknown_run(record: &Record, exit: &Exit) -> bool {
    let at = Timestamp::from_nanosecond(i128::from(exit.at.0)).ok();
    record.state.phase == Phase::Restarting && record.state.finished_at != at
}
