//! The states of a container, and how an exit becomes known to those who wait for it.
//!
//! [`State`] is the stored part; [`Progress`] is what waiters watch. Invariants: `Progress::exits` only grows, and it
//! grows after the stored state says that the run has ended, so whoever is woken reads the new state; `removed` is set
//! once, after the container can no longer be found by any name.
//!
//! Docker's booleans are not exclusive (a paused container is also "running", so is a restarting one); they are derived
//! from one [`Phase`] here, so that no impossible combination can be stored.

use jiff::Timestamp;
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use tokio::sync::watch;

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Made, never run (or its start failed before anything ran).
    Created,
    /// Its process runs.
    Running,
    /// Its process is frozen.
    Paused,
    /// Its process has ended and will be started again after a delay.
    Restarting,
    /// Its process has ended.
    Exited,
    /// It is being removed; found at daemon start, the removal goes on.
    Removing,
    /// Its removal failed half way.
    Dead,
}

impl Phase {
    /// Docker's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Removing => "removing",
            Self::Dead => "dead",
        }
    }

    /// Docker's `Running`: also true while paused and between restarts.
    pub(crate) fn counts_as_running(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }

    /// A process of it exists.
    pub(crate) fn has_process(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// The stored state of a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// Process ID in the daemon's PID namespace; 0 if there is none.
    pub(crate) pid: i32,
    pub(crate) exit_code: i32,
    /// Why the last start failed; empty if it did not.
    pub(crate) error: String,
    pub(crate) oom_killed: bool,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    /// The current or last run was ended by a user.
    pub(crate) by_hand: bool,
    /// Restarts by the policy since the last start by hand.
    pub(crate) restarts: u32,
}

impl State {
    /// A container that was just made.
    pub(crate) fn created() -> Self {
        Self {
            phase: Phase::Created,
            pid: 0,
            exit_code: 0,
            error: String::new(),
            oom_killed: false,
            started_at: None,
            finished_at: None,
            by_hand: false,
            restarts: 0,
        }
    }

    /// A start succeeded.
    pub(crate) fn started(&mut self, pid: i32, at: Timestamp) {
        self.phase = Phase::Running;
        self.pid = pid;
        self.exit_code = 0;
        self.error.clear();
        self.oom_killed = false;
        self.started_at = Some(at);
        self.by_hand = false;
    }

    /// The run ended; `again` if the policy will start it anew.
    pub(crate) fn ended(&mut self, code: i32, oom: bool, at: Timestamp, again: bool) {
        self.phase = if again { Phase::Restarting } else { Phase::Exited };
        self.pid = 0;
        self.exit_code = code;
        self.oom_killed = oom;
        self.finished_at = Some(at);
    }

    /// A start failed: `code` is by semantics 54. A container that has run before goes back to "exited".
    pub(crate) fn start_failed(&mut self, code: i32, text: &str, at: Timestamp) {
        self.pid = 0;
        self.exit_code = code;
        self.error = text.to_owned();
        self.phase = if self.started_at.is_some() { Phase::Exited } else { Phase::Created };
        if self.started_at.is_some() {
            self.finished_at = Some(at);
        }
    }
}

/// What waiters see of a container.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moment {
    /// How many runs have ended since the daemon started.
    pub(crate) exits: u64,
    /// Docker's `Running`.
    pub(crate) running: bool,
    /// Exit code of the last run.
    pub(crate) exit_code: i32,
    /// The container is gone, or its removal failed with the text.
    pub(crate) removed: Option<Result<(), String>>,
}

/// The place where waiters wait, async ones and threads.
pub(crate) struct Progress {
    now: Mutex<Moment>,
    changed: Condvar,
    watch: watch::Sender<Moment>,
}

impl Progress {
    /// Starts from `moment`.
    pub(crate) fn new(moment: Moment) -> Self {
        Self { now: Mutex::new(moment.clone()), changed: Condvar::new(), watch: watch::Sender::new(moment) }
    }

    /// Changes the moment and wakes everyone.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Moment)) {
        let mut now = self.now.lock();
        change(&mut now);
        self.watch.send_replace(now.clone());
        self.changed.notify_all();
    }

    /// For async waiters. Taking it is the registration: no later change is missed.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Moment> {
        self.watch.subscribe()
    }

    /// The moment as it is.
    pub(crate) fn now(&self) -> Moment {
        self.now.lock().clone()
    }

    /// Blocks until `done` holds or `deadline` (`None`: for ever) has passed; says whether it held.
    pub(crate) fn wait(&self, deadline: Option<Instant>, done: impl Fn(&Moment) -> bool) -> bool {
        let mut now = self.now.lock();
        while !done(&now) {
            match deadline {
                None => self.changed.wait(&mut now),
                Some(at) => {
                    if self.changed.wait_until(&mut now, at).timed_out() {
                        return done(&now);
                    }
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn words_and_booleans_are_dockers() {
        use Phase::*;
        let table = [
            (Created, "created", false),
            (Running, "running", true),
            (Paused, "paused", true),
            (Restarting, "restarting", true),
            (Exited, "exited", false),
            (Removing, "removing", false),
            (Dead, "dead", false),
        ];
        for (phase, word, running) in table {
            assert_eq!((phase.word(), phase.counts_as_running()), (word, running));
        }
    }

    #[test]
    fn a_failed_first_start_leaves_it_created() {
        let at = Timestamp::UNIX_EPOCH;
        let mut state = State::created();
        state.start_failed(128, "no", at);
        assert_eq!((state.phase, state.exit_code, state.finished_at), (Phase::Created, 128, None));
        state.started(7, at);
        assert_eq!((state.error.as_str(), state.exit_code), ("", 0));
        state.ended(3, false, at, false);
        state.start_failed(127, "no", at);
        assert_eq!((state.phase, state.exit_code), (Phase::Exited, 127));
    }

    #[test]
    fn threads_wake_and_deadlines_pass() {
        let progress = Arc::new(Progress::new(Moment { running: true, ..Moment::default() }));
        assert!(!progress.wait(Some(Instant::now() + Duration::from_millis(5)), |moment| !moment.running));
        let waiter = std::thread::spawn({
            let progress = Arc::clone(&progress);
            move || progress.wait(None, |moment| moment.exits == 1)
        });
        progress.update(|moment| {
            moment.exits += 1;
            moment.running = false;
        });
        assert!(waiter.join().unwrap());
        assert!(!progress.now().running);
    }
}
