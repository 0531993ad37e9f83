//! What waits for hooks: the making of the container, the answer to a start, the word that one has failed, and the word that
//! the container has ended.
//!
//! Meanwhile output is copied, signals are passed on, requests are answered and clients are served.

use std::time::Instant;

use runtime::StartError;
use runtime::hooks::Point;
use rustix::process::{Pid, WaitStatus};

use super::process::Stage;
use super::{INIT, Supervisor};
use crate::hooks::{self, END_PATIENCE, Running};
use crate::protocol::Answer;
use crate::{Event, Exit};

/// Hooks that a process runs.
#[derive(Debug)]
pub(super) struct RunningHooks {
    process: Running,
    then: Then,
}

/// What is done when they have run, or when that takes too long.
#[derive(Debug)]
enum Then {
    /// The container is made.
    Create,
    /// Its start is answered.
    Start,
    /// Its end is told.
    Exited(Exit, Instant),
    /// It is told that it could not be made or started, to the request of this number.
    NotStarted(Option<u32>, StartError, Instant),
}

impl Supervisor {
    /// The container waits for its first hooks.
    pub(super) fn begin_create_hooks(&mut self, pid: Pid) {
        if self.running_hooks.is_some() {
            return;
        }
        let Some(hooks) = &self.hooks else { return self.create_hooks_ran(Ok(())) };
        match hooks::begin_create(hooks, pid) {
            Ok(process) => self.running_hooks = Some(RunningHooks { process, then: Then::Create }),
            Err(error) => self.create_hooks_ran(Err(error.into())),
        }
    }

    fn create_hooks_ran(&mut self, ran: Result<(), StartError>) {
        let Some(process) = self.processes.get_mut(INIT).and_then(Option::as_mut) else { return };
        match (ran, std::mem::replace(&mut process.stage, Stage::Moving)) {
            (Ok(()), Stage::Creating(mut creating)) => {
                creating.hooks_have_run();
                process.stage = Stage::Creating(creating);
            }
            (Err(error), Stage::Creating(creating)) => {
                self.poller.remove(creating.fd());
                creating.fail();
                self.not_started(INIT, error);
            }
            (_, stage) => process.stage = stage,
        }
    }

    /// The container's program runs: its hooks are due, and then the answer. `false`: there are none.
    pub(super) fn begin_start_hooks(&mut self, pid: Pid) -> bool {
        let Some(hooks) = self.hooks.as_ref().filter(|hooks| hooks.has(Point::Poststart)) else {
            return false;
        };
        match hooks::begin_start(hooks, pid) {
            Ok(process) => self.running_hooks = Some(RunningHooks { process, then: Then::Start }),
            Err(error) => self.start_hooks_failed(error.into()),
        }
        true
    }

    /// Whether the container's end has to wait until its start has been answered.
    pub(super) fn starts_with_hooks(&self) -> bool {
        self.running_hooks.as_ref().is_some_and(|running| matches!(running.then, Then::Start))
    }

    /// A container whose environment is not what was asked for does not run on.
    fn start_hooks_failed(&mut self, error: StartError) {
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
        match self.begin_last_hooks() {
            Some(process) => {
                let then = Then::Exited(exit, Instant::now() + END_PATIENCE);
                self.running_hooks = Some(RunningHooks { process, then });
            }
            None => self.end_told(exit),
        }
    }

    /// The same of one that could not be started. `asked`: by whom.
    pub(super) fn tell_failure(&mut self, asked: Option<u32>, error: StartError) {
        match self.begin_last_hooks() {
            Some(process) => {
                let then = Then::NotStarted(asked, error, Instant::now() + END_PATIENCE);
                self.running_hooks = Some(RunningHooks { process, then });
            }
            None => self.failure_told(asked, error),
        }
    }

    /// Begins to run the hooks of the end; `None` if there are none. They have to be run once in the container's life.
    pub(super) fn begin_last_hooks(&mut self) -> Option<Running> {
        let (hooks, record) = (self.hooks.take()?, self.last_hooks.take()?);
        hooks::begin_end(&hooks, record).ok()
    }

    /// Ends the hooks of what will not be started any more.
    pub(super) fn stop_hooks(&mut self) {
        if let Some(running) = self.running_hooks.take() {
            running.process.kill();
        }
    }

    fn end_told(&mut self, exit: Exit) {
        self.tell(Event::Exited(exit));
        self.over = true;
    }

    fn failure_told(&mut self, asked: Option<u32>, error: StartError) {
        match asked {
            Some(number) => self.answer(number, Answer::StartFailed(error)),
            None => self.tell_created(Vec::new(), Err(error)),
        }
        self.over = true;
    }

    /// A child has ended: `true` if it has run hooks.
    pub(super) fn hooks_ended(&mut self, pid: Pid, status: WaitStatus) -> bool {
        let Some(RunningHooks { process, then }) =
            self.running_hooks.take_if(|running| running.process.pid == pid)
        else {
            return false;
        };
        let fine = status.exit_status() == Some(0);
        match then {
            Then::Exited(exit, _) => self.end_told(exit),
            Then::NotStarted(asked, error, _) => self.failure_told(asked, error),
            Then::Create if fine => self.create_hooks_ran(Ok(())),
            Then::Create => self.create_hooks_ran(Err(process.failure())),
            Then::Start if fine => self.started_up(INIT),
            Then::Start => self.start_hooks_failed(process.failure()),
        }
        true
    }

    /// Tells what waits for hooks of the end that take too long; when to look again.
    pub(super) fn leave_hooks(&mut self, now: Instant) -> Option<Instant> {
        let until = match self.running_hooks.as_ref()?.then {
            Then::Exited(_, until) | Then::NotStarted(.., until) => until,
            Then::Create | Then::Start => return None,
        };
        if until > now {
            return Some(until);
        }
        match self.running_hooks.take()?.then {
            Then::Exited(exit, _) => self.end_told(exit),
            Then::NotStarted(asked, error, _) => self.failure_told(asked, error),
            Then::Create | Then::Start => {}
        }
        None
    }
}
