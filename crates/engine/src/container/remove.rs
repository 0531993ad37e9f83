//! Removing a container: from the moment this answers it is gone for every observer.
//!
//! The intent is recorded first (phase "removing"); then its volumes, files and record go, so that a crash anywhere is
//! finished at the next start. Names are free once the record is gone.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use errdefs::{Collected, Result};

use super::mountpoint::Kind;
use super::record::{CONTAINERS, Record};
use super::shared::{Container, Shared};
use super::state::Phase;
use super::{Containers, RemoveOptions, names};

impl Containers {
    /// Removes it; when this returns it is gone for every observer.
    ///
    /// # Errors
    /// Conflict if it runs (without force) or is being removed.
    pub fn remove(&self, reference: &str, options: RemoveOptions) -> Result<()> {
        let _timing = crate::metrics::COUNTERS.delete.time();
        let shared = &self.shared;
        if options.link {
            return self.remove_link(reference);
        }
        let container = shared.registry.find(reference)?;
        if container.removing.swap(true, Ordering::AcqRel) {
            return Err(in_progress(reference));
        }
        let removed = self.remove_alone(&container, reference, options);
        container.removing.store(false, Ordering::Release);
        removed
    }

    fn remove_alone(
        &self,
        container: &Arc<Container>,
        reference: &str,
        options: RemoveOptions,
    ) -> Result<()> {
        let shared = &self.shared;
        loop {
            shared.make_removable(self, container, reference, options.force)?;
            let _operation = container.operation.lock();
            if matches!(container.progress.now().removed, Some(Ok(()))) {
                // `--rm` was faster.
                return Ok(());
            }
            if !container.record().state.phase.counts_as_running() {
                return shared.remove_stopped(container, options);
            }
            // Its restart policy, or another client, has started it again meanwhile.
            if !options.force {
                return Err(refused(reference, RUNNING));
            }
        }
    }
}

const RUNNING: &str = "container is running: stop the container before removing or force remove";

fn refused(reference: &str, text: &str) -> errdefs::Error {
    errdefs::conflict(format!("cannot remove container \"{reference}\": {text}"))
}

fn in_progress(reference: &str) -> errdefs::Error {
    errdefs::conflict(format!("removal of container {reference} is already in progress"))
}

fn kill(containers: &Containers, container: &Container) -> Result<()> {
    match containers.kill(&container.id, "KILL") {
        Err(error) if error.class() != errdefs::Class::Conflict => Err(error),
        _ => Ok(()),
    }
}

/// The trash is to be emptied; not any more when this is dropped, also where no thread could be had for it.
struct TrashWaits(Arc<Shared>);

impl Drop for TrashWaits {
    fn drop(&mut self) {
        self.0.trash_waits.store(false, Ordering::Release);
    }
}

impl Shared {
    /// Ends what runs if that is wanted, and refuses what cannot be removed.
    fn make_removable(
        self: &Arc<Self>,
        containers: &Containers,
        container: &Arc<Container>,
        reference: &str,
        force: bool,
    ) -> Result<()> {
        match container.record().state.phase {
            Phase::Removing => Err(in_progress(reference)),
            phase if phase.counts_as_running() && force => {
                self.happened(container, |record| record.state.by_hand = true);
                if self.stop_between_runs(container) { Ok(()) } else { kill(containers, container) }
            }
            Phase::Paused => Err(refused(reference, "container is paused and must be unpaused first")),
            Phase::Restarting => Err(refused(
                reference,
                "container is restarting: stop the container before removing or force remove",
            )),
            Phase::Running => Err(refused(reference, RUNNING)),
            Phase::Created | Phase::Exited | Phase::Dead => Ok(()),
        }
    }

    /// Removes a container that has no process; the operation lock is held.
    ///
    /// # Errors
    /// If a step fails; all others are done, and the container is "dead" then, to be removed again.
    pub(crate) fn remove_stopped(
        self: &Arc<Self>,
        container: &Arc<Container>,
        options: RemoveOptions,
    ) -> Result<()> {
        self.cancel_restart(container);
        let volumes = options.volumes;
        let change = |record: &mut Record| {
            record.state.phase = Phase::Removing;
            record.remove_volumes |= volumes;
        };
        // The wish to be removed when it has ended is an intent already.
        let record = if container.record().auto_remove {
            self.shown(container, change)
        } else {
            self.change(container, change)?
        };
        let id = &record.id;
        let mut steps = Collected::new();
        self.drop_execs_for_ever(container);
        self.end_run_quietly(&record);
        // Its directory is moved out of the way as it is: a mount in it would go along and never be deleted.
        self.unmount_shm(&record);
        // Before the record, which is what names them.
        if record.remove_volumes {
            self.remove_anonymous_volumes(&record);
        }
        steps.step(self.parts.snapshots.remove_writable(id));
        steps.step(self.parts.snapshots.discard(&self.data_dir(id)));
        steps.step(self.parts.store.delete(&CONTAINERS, id));
        let result = steps.finish();
        if let Err(error) = &result {
            let text = error.to_string();
            self.happened(container, |record| {
                record.state.phase = Phase::Dead;
                record.state.error.clone_from(&text);
            });
            container.progress.update(|moment| moment.removed = Some(Err(text)));
            return result;
        }
        self.registry.remove(id);
        super::log::removed(self, &record);
        self.empty_trash_later();
        self.tell(&record, "destroy", &[]);
        container.progress.update(|moment| moment.removed = Some(Ok(())));
        Ok(())
    }

    /// What a run that could not be cleaned up has left; nothing, mostly.
    fn end_run_quietly(self: &Arc<Self>, record: &Record) {
        if self.state_dir(&record.id).exists() || !self.parts.networks.endpoints_of(&record.id).is_empty() {
            self.end_run(record);
        }
    }

    /// Removes the volumes that were made for this container alone; its record goes next.
    pub(crate) fn remove_anonymous_volumes(&self, record: &Record) {
        for point in record.mounts.iter().filter(|point| point.is_anonymous()) {
            let others = || {
                let mut users = self.volume_users(&point.name);
                users.retain(|id| *id != record.id);
                users
            };
            match self.parts.volumes.remove(&point.name, others) {
                Ok(()) => {
                    let attributes = [("driver".to_owned(), point.driver.clone())].into();
                    self.parts.events.publish(crate::event::Kind::Volume, "destroy", &point.name, attributes);
                }
                // Another container took it over by --volumes-from.
                Err(error) => tracing::debug!(volume = point.name, %error, "anonymous volume stays"),
            }
        }
    }

    /// Deletes removed files in the background, where one who has not begun does it for all who ask meanwhile.
    pub(crate) fn empty_trash_later(self: &Arc<Self>) {
        if self.trash_waits.swap(true, Ordering::AcqRel) {
            return;
        }
        let waiting = TrashWaits(Arc::clone(self));
        crate::background("trash", move || {
            let shared = Arc::clone(&waiting.0);
            drop(waiting);
            if let Err(error) = shared.parts.snapshots.empty_trash_in_the_end() {
                tracing::warn!(%error, "cannot empty the trash now: tried again later");
            }
        });
    }

    /// The containers that have a volume.
    pub(crate) fn volume_users(&self, volume: &str) -> Vec<String> {
        let uses = |container: &&Arc<Container>| {
            let record = container.record();
            record.mounts.iter().any(|point| point.kind == Kind::Volume && point.name == volume)
        };
        self.registry.all().iter().filter(uses).map(|container| container.id.clone()).collect()
    }

    /// The short form of a container's ID, for logs.
    pub(crate) fn short<'a>(&self, container: &'a Container) -> &'a str {
        names::short(&container.id)
    }
}
