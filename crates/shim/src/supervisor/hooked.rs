//! What waits for hooks: the answer to a start, and the word that the container has ended.
//!
//! Meanwhile output is copied, signals are passed on and clients are served.

use std::time::Instant;

use runtime::hooks::Point;
use rustix::process::{Pid, WaitStatus};

use super::{INIT, Supervisor};
use crate::hooks::{self, END_PATIENCE, Running};
use crate::{Event, Exit};

/// Hooks that a process runs.
#[derive(Debug)]
pub(super) struct RunningHooks {
    process: Running,
    /// What is told when they have run, or when that takes too long; `None`: those of the start.
    end: Option<(Exit, Instant)>,
}

impl Supervisor {
    /// The container's program runs: its hooks are due, and then the answer. `false`: there are none.
    pub(super) fn begin_start_hooks(&mut self, pid: Pid) -> bool {
        let Some(hooks) = self.hooks.as_ref().filter(|hooks| hooks.has(Point::Poststart)) else {
            return false;
        };
        match hooks::begin_start(hooks, pid) {
            Ok(process) => self.running_hooks = Some(RunningHooks { process, end: None }),
            Err(error) => self.start_hooks_failed(error.into()),
        }
        true
    }

    /// Whether the container's end has to wait until its start has been answered.
    pub(super) fn starts_with_hooks(&self) -> bool {
        self.running_hooks.as_ref().is_some_and(|running| running.end.is_none())
    }

    /// A container whose environment is not what was asked for does not run on.
    fn start_hooks_failed(&mut self, error: runtime::StartError) {
        if let Some(process) = self.processes.get(INIT).and_then(Option::as_ref)
            && process.status.is_none()
        {
            let _ = sys::signal::send_to(process.pid, 9);
        }
        self.kill_the_rest();
        self.container_not_started(error);
    }

    /// The container has ended: tells it, behind the hooks of the end if they are quick. The process that runs them does
    /// not need this one.
    pub(super) fn tell_end(&mut self, exit: Exit) {
        let running = match (self.hooks.take(), self.last_hooks.take()) {
            (Some(hooks), Some(record)) => hooks::begin_end(&hooks, record).ok(),
            _ => None,
        };
        match running {
            Some(process) => {
                let end = Some((exit, Instant::now() + END_PATIENCE));
                self.running_hooks = Some(RunningHooks { process, end });
            }
            None => self.end_told(exit),
        }
    }

    fn end_told(&mut self, exit: Exit) {
        self.tell(Event::Exited(exit));
        self.over = true;
    }

    /// A child has ended: `true` if it has run hooks.
    pub(super) fn hooks_ended(&mut self, pid: Pid, status: WaitStatus) -> bool {
        let Some(running) = self.running_hooks.take_if(|running| running.process.pid == pid) else {
            return false;
        };
        match running.end {
            Some((exit, _)) => self.end_told(exit),
            None if status.exit_status() == Some(0) => self.started_up(INIT),
            None => self.start_hooks_failed(running.process.failure()),
        }
        true
    }

    /// Tells the end without hooks that take too long; when to look again.
    pub(super) fn leave_hooks(&mut self, now: Instant) -> Option<Instant> {
        let (exit, until) = self.running_hooks.as_ref()?.end?;
        if until > now {
            return Some(until);
        }
        self.running_hooks = None;
        self.end_told(exit);
        None
    }

    /// Runs the hooks of the end of a container that was never started.
    pub(super) fn run_last_hooks(&mut self) {
        if let Some(hooks) = self.hooks.take() {
            let _ = hooks.run(Point::Poststop, None);
        }
        self.hooks_are_done();
    }

    /// There is nothing left to be run.
    pub(super) fn hooks_are_done(&mut self) {
        if let Some(record) = self.last_hooks.take() {
            // One that cannot be emptied goes with its directory.
            let _ = record.set_len(0);
        }
    }
}
