//! Stopping: the stop signal, patience, then KILL (semantics 46, 47, 52).

use std::sync::Arc;
use std::time::{Duration, Instant};

use errdefs::{Class, Error, Result};

use super::shared::{Container, Shared};
use super::state::Phase;
use super::{Containers, StopOptions, signal};

/// How long a killed container may take to be gone before `stop` gives up waiting; a shim that hangs is killed before.
const KILL_PATIENCE: Duration = Duration::from_secs(12);
/// Within so many seconds a shim has to say that it has passed the stop signal on, if the time to stop is not longer or
/// shorter; it then goes on with KILL.
const SIGNAL_SECONDS: std::ops::RangeInclusive<i64> = 1..=60;

impl Containers {
    /// Stops it; blocks until it has stopped.
    ///
    /// # Errors
    /// NotModified if it does not run.
    pub fn stop(&self, reference: &str, options: &StopOptions) -> Result<()> {
        let container = self.shared.registry.find(reference)?;
        if !container.record().state.phase.counts_as_running() {
            return Err(Error::new(Class::NotModified, "container is already stopped"));
        }
        let what = |error: Error| error.context(format!("cannot stop container: {reference}"));
        self.shared.stop(&container, options).map_err(what)
    }
}

impl Shared {
    /// Stops a container that counts as running.
    ///
    /// # Errors
    /// InvalidParameter for an unknown signal; System if it cannot be killed.
    pub(crate) fn stop(self: &Arc<Self>, container: &Arc<Container>, options: &StopOptions) -> Result<()> {
        let record = container.record();
        let number = match (&options.signal, record.config.stop_signal.as_str()) {
            (Some(given), _) if !given.is_empty() => signal::sendable(given)?,
            (_, "") => signal::TERM,
            (_, configured) => signal::sendable(configured)?,
        };
        let seconds = options.timeout.or(record.config.stop_timeout).unwrap_or(self.config.stop_timeout);
        if self.stop_between_runs(container) {
            return Ok(());
        }
        let exits = container.progress.now().exits;
        self.happened(container, |record| record.state.by_hand = true);
        self.end_process(container, exits, number, seconds)?;
        self.tell(&container.record(), "stop", &[]);
        Ok(())
    }

    /// Ends a container whose health check fails, so that it is started again, unless a user has ended it too. `run` tells
    /// which run that was about.
    pub(crate) fn end_unhealthy(self: &Arc<Self>, container: &Arc<Container>, run: u64) {
        let record = container.record();
        let exits = container.progress.now().exits;
        {
            let mut live = container.live.lock();
            if !live.health.is_run(run) || !record.state.phase.has_process() {
                return;
            }
            live.unhealthy = true;
        }
        tracing::info!(container = super::names::short(&container.id), "unhealthy: starting it again");
        let number = signal::parse(&record.config.stop_signal).unwrap_or(signal::TERM);
        let seconds = record.config.stop_timeout.unwrap_or(self.config.stop_timeout);
        if let Err(error) = self.end_process(container, exits, number, seconds) {
            tracing::warn!(container = super::names::short(&container.id), %error, "cannot end it");
        }
    }

    /// Sends the stop signal, and after `seconds` (negative: never) KILL; blocks until the run that followed `exits` others
    /// has ended.
    fn end_process(
        self: &Arc<Self>,
        container: &Arc<Container>,
        exits: u64,
        number: i32,
        seconds: i64,
    ) -> Result<()> {
        let gone =
            |deadline| container.progress.wait(deadline, |moment| moment.exits > exits || !moment.running);
        let longest = *SIGNAL_SECONDS.end();
        let patience = if seconds < 0 { longest } else { seconds.clamp(*SIGNAL_SECONDS.start(), longest) };
        let patience = Duration::from_secs(u64::try_from(patience).unwrap_or(1));
        if self.send(container, number, patience).is_ok() {
            // A frozen container sees its signal only once it is thawed.
            self.thaw(container);
            let deadline =
                u64::try_from(seconds).ok().map(|seconds| Instant::now() + Duration::from_secs(seconds));
            if !gone(deadline) {
                tracing::info!(
                    container = super::names::short(&container.id),
                    "did not stop in time: killing it"
                );
            }
        }
        if !gone(Some(Instant::now())) {
            let deadline = Some(Instant::now() + KILL_PATIENCE);
            self.send(container, signal::KILL, KILL_PATIENCE).or_else(|error| match error.class() {
                Class::Conflict => Ok(()),
                _ => Err(error),
            })?;
            if !gone(deadline) {
                return Err(errdefs::system(format!(
                    "cannot stop container: {}: tried to kill container, but did not receive an exit event",
                    container.record().name
                )));
            }
        }
        Ok(())
    }

    /// A container that waits for its restart is stopped by taking the restart back; says whether it was one.
    pub(crate) fn stop_between_runs(&self, container: &Arc<Container>) -> bool {
        if container.record().state.phase != Phase::Restarting {
            return false;
        }
        let _operation = container.operation.lock();
        if container.record().state.phase != Phase::Restarting {
            return false;
        }
        self.cancel_restart(container);
        let record = self.happened(container, |record| {
            record.state.phase = Phase::Exited;
            record.state.by_hand = true;
        });
        container.progress.update(|moment| moment.running = false);
        self.tell(&record, "stop", &[]);
        true
    }

    /// Sends a signal and tells it; KILL goes to every process, frozen ones too. For any other, the shim has to answer
    /// within `patience`.
    ///
    /// # Errors
    /// Conflict if there is no process.
    pub(crate) fn send(&self, container: &Container, number: i32, patience: Duration) -> Result<()> {
        let handle = container.handle()?;
        if number == signal::KILL {
            handle.kill_all()?;
        } else {
            handle.signal_within(number, patience)?;
        }
        self.tell(&container.record(), "kill", &[("signal", number.to_string())]);
        Ok(())
    }

    fn thaw(&self, container: &Arc<Container>) {
        if container.record().state.phase == Phase::Paused
            && let Err(error) = self.unpause(container)
        {
            tracing::warn!(container = super::names::short(&container.id), %error, "cannot thaw");
        }
    }
}
