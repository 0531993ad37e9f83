//! What shims tell, and the end of a run: recorded, told, cleaned up, and perhaps begun again.
//!
//! Order, as Docker 28's: the state is recorded, the run's network and volumes are given back, `die` is told, waiters
//! wake, and then, still under the container's operation lock, comes removal (`--rm`) or the timer of the restart policy.
//! So whoever saw the exit can take its ports at once, and a `start` right after it waits for the clean-up's end.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use api::container::RestartPolicy;
use jiff::Timestamp;
use shim::{ContainerId, Event, Exit, Handle};

use super::policy::Ended;
use super::record::Record;
use super::shared::{Container, Shared};
use super::state::Phase;
use super::{RemoveOptions, names};

impl Shared {
    /// Handles what shims tell, until there is no launcher any more. Each exit gets a thread: cleaning one container up
    /// must not delay the next one's.
    pub(crate) fn listen(self: &Arc<Self>, events: &Receiver<(ContainerId, Event)>) {
        while let Ok((id, event)) = events.recv() {
            let Some(container) = self.registry.by_id(&id) else { continue };
            match event {
                Event::Exited(exit) => {
                    let shared = Arc::clone(self);
                    crate::background("exit", move || shared.exited(&container, exit));
                }
                Event::ExecExited { exec_id, code, at } => self.exec_exited(&container, &exec_id, code, at),
                Event::Detached { exec_id } => self.detached(&container, exec_id.as_deref()),
                Event::Oom => self.tell(&container.record(), "oom", &[]),
            }
        }
    }

    fn detached(&self, container: &Container, exec_id: Option<&str>) {
        let record = container.record();
        match exec_id {
            None => self.tell(&record, "detach", &[]),
            Some(id) => self.tell(&record, "exec_detach", &[("execID", id.to_owned())]),
        }
    }

    /// A run has ended.
    pub(crate) fn exited(self: &Arc<Self>, container: &Arc<Container>, exit: Exit) {
        let _operation = container.operation.lock();
        let handle = {
            // The last word of a start that failed is not an exit of this run.
            let mut live = container.live.lock();
            let ours = live.handle.as_ref().is_some_and(|handle| handle.exit().is_some());
            if !ours {
                return;
            }
            let handle = live.handle.take();
            live.exec_plan = None;
            live.health.stop(&self.timers);
            if let Some(signal) = live.log_ended.take() {
                signal.set();
            }
            handle
        };
        self.ended(container, exit, handle.as_ref());
    }

    /// Records the end of a run whose shim is gone, or has only to be told that the end is known; the operation lock is
    /// held.
    pub(crate) fn ended(self: &Arc<Self>, container: &Arc<Container>, exit: Exit, shim: Option<&Handle>) {
        let at = Timestamp::from_nanosecond(i128::from(exit.at.0)).unwrap_or_else(|_| Timestamp::now());
        let before = container.record();
        let ran = before
            .state
            .started_at
            .and_then(|started| Duration::try_from(at.duration_since(started)).ok())
            .unwrap_or_default();
        let (restarting_by_hand, unhealthy) = {
            let mut live = container.live.lock();
            (live.restarting_by_hand, std::mem::take(&mut live.unhealthy))
        };
        let ended = Ended {
            code: exit.code,
            by_hand: before.state.by_hand || restarting_by_hand,
            restarts: before.state.restarts,
        };
        let again = before.policy().applies(ended) || (unhealthy && !ended.by_hand);
        self.drop_execs(container);
        let change = |record: &mut Record| {
            record.state.ended(exit.code, exit.oom, at, again);
            record.state.restarts += u32::from(again);
        };
        let removed_now = before.auto_remove && !again && !restarting_by_hand;
        // What is removed at once need not be written: found without a process, it is removed all the same.
        let record =
            if removed_now { self.shown(container, change) } else { self.happened(container, change) };
        let extra = [("exitCode", exit.code.to_string()), ("execDuration", ran.as_secs().to_string())];
        self.end_run(&record);
        self.tell(&record, "die", &extra);
        container.progress.update(|moment| {
            moment.exits += 1;
            moment.running = again;
            moment.exit_code = exit.code;
        });
        if let Some(shim) = shim {
            shim.release();
        }
        if again {
            self.restart_later(container, ran);
        } else if removed_now {
            self.remove_automatically(container);
        }
    }

    /// Sets the timer for the restart that the policy wants.
    pub(crate) fn restart_later(self: &Arc<Self>, container: &Arc<Container>, ran: Duration) {
        let mut live = container.live.lock();
        let delay = live.backoff.next(ran);
        let (shared, again) = (Arc::clone(self), Arc::clone(container));
        live.restart = Some(self.timers.after_on_thread(delay, move || shared.restart_now(&again)));
    }

    fn restart_now(self: &Arc<Self>, container: &Arc<Container>) {
        let _operation = container.operation.lock();
        container.live.lock().restart = None;
        if container.record().state.phase != Phase::Restarting {
            return;
        }
        if let Err(error) = self.start(container) {
            tracing::warn!(container = names::short(&container.id), %error, "restart failed");
            // A start that fails counts as a run that failed, as Docker counts it.
            let record = container.record();
            let state = &record.state;
            let ended = Ended { code: state.exit_code, by_hand: false, restarts: state.restarts };
            if record.policy().applies(ended) && !record.auto_remove {
                self.happened(container, |record| {
                    record.state.phase = Phase::Restarting;
                    record.state.restarts += 1;
                });
                self.restart_later(container, Duration::ZERO);
            }
        }
    }

    /// Takes a restart that waits for its time back; says whether there was one. The operation lock is held.
    pub(crate) fn cancel_restart(&self, container: &Container) -> bool {
        let timer = container.live.lock().restart.take();
        timer.is_some_and(|timer| self.timers.cancel(timer))
            || container.record().state.phase == Phase::Restarting
    }

    /// Removes a container of `--rm`; the operation lock is held.
    pub(crate) fn remove_automatically(self: &Arc<Self>, container: &Arc<Container>) {
        let options = RemoveOptions { volumes: true, ..RemoveOptions::default() };
        if let Err(error) = self.remove_stopped(container, options) {
            tracing::error!(container = names::short(&container.id), %error, "automatic removal failed");
        }
    }
}

/// Whether the policy can start a container again at all.
pub(crate) fn restarts(policy: &RestartPolicy) -> bool {
    !matches!(policy.name.as_str(), "" | "no")
}
