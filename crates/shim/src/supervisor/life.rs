//! Processes from their making to their end.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use errdefs::{Result, conflict};
use rustix::event::epoll::EventFlags;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

use super::foreign::Progress;
use super::output::Output;
use super::poller::Token;
use super::process::{Process, Stage, pipes};
use super::{INIT, Supervisor, place_for};
use crate::protocol::Answer;
use crate::{Event, Exit, Stdio, record};

/// How long the daemon may take to record an end before sessions end without it.
const HEARD_GRACE: Duration = Duration::from_secs(10);
/// How long output is waited for that others still hold open when a process has ended. Docker's limit too.
pub(super) const DRAIN_GRACE: Duration = Duration::from_secs(2);

impl Supervisor {
    /// Begins to make the container.
    pub(super) fn create(
        &mut self,
        plan: &runtime::Plan,
        stdio: Stdio,
        netns: Option<OwnedFd>,
        userns: Option<OwnedFd>,
    ) -> Result<(), runtime::StartError> {
        if self.other.is_some() {
            return self.create_by_other(plan, stdio, netns);
        }
        #[expect(
            clippy::field_reassign_with_default,
            reason = "one of its fields cannot be named outside its crate"
        )]
        let given = {
            let mut given = runtime::Given::default();
            given.network = netns.as_ref().map(std::os::fd::AsFd::as_fd);
            given.user = userns.as_ref().map(std::os::fd::AsFd::as_fd);
            given.hooks_apart = true;
            given
        };
        self.hooks.clone_from(&plan.hooks);
        let terminal = plan.process.terminal;
        let (creating, ours) = if terminal {
            (runtime::create(plan, runtime::Io::Terminal, given), super::process::OurEnds::default())
        } else {
            let (theirs, ours) = pipes(stdio.open_stdin, true)?;
            let io = runtime::Io::Streams {
                stdin: theirs.stdin.as_fd(),
                stdout: theirs.stdout.as_fd(),
                stderr: theirs.stderr.as_fd(),
            };
            (runtime::create(plan, io, given), ours)
        };
        let mut process = Process::new(&self.poller, INIT, None, creating?, ours, terminal)?;
        process.stdin_once = stdio.stdin_once;
        self.processes.push(Some(process));
        Ok(())
    }

    /// Begins to make an exec; its place.
    pub(super) fn make_exec(
        &mut self,
        number: u32,
        exec_id: String,
        plan: &runtime::ExecPlan,
        open_stdin: bool,
        listened: bool,
    ) -> Result<usize, runtime::StartError> {
        if self.other.is_some() {
            return self.exec_by_other(number, exec_id, plan, open_stdin, listened);
        }
        let terminal = plan.process.terminal;
        let place = place_for(&mut self.processes);
        let Some(init) = self.processes[INIT].as_ref().and_then(Process::pidfd) else {
            return Err(conflict(format!("container {} is not running", self.id)).into());
        };
        let (creating, ours) = if terminal {
            (runtime::exec(plan, init, runtime::Io::Terminal)?, super::process::OurEnds::default())
        } else {
            let (theirs, ours) = pipes(open_stdin, listened)?;
            let io = runtime::Io::Streams {
                stdin: theirs.stdin.as_fd(),
                stdout: theirs.stdout.as_fd(),
                stderr: theirs.stderr.as_fd(),
            };
            (runtime::exec(plan, init, io)?, ours)
        };
        let mut process = Process::new(&self.poller, place, Some(exec_id), creating, ours, terminal)?;
        process.stdin_once = true;
        process.asked = Some(number);
        self.processes[place] = Some(process);
        Ok(place)
    }

    /// Lets the container's program be executed.
    pub(super) fn start(&mut self, number: u32) -> Result<()> {
        let id = &self.id;
        let process = self.processes.get_mut(INIT).and_then(Option::as_mut);
        let process = process.ok_or_else(|| conflict(format!("container {id} is not running")))?;
        if self.started {
            return Err(conflict(format!("container {id} is already started")));
        }
        self.started = true;
        process.asked = Some(number);
        // If it is still being prepared, it goes on from there.
        self.advance(INIT);
        Ok(())
    }

    /// Takes a process as far as it can be taken now.
    pub(super) fn advance(&mut self, place: usize) {
        loop {
            let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
            let goes_on = process.exec_id.is_some() || self.started;
            match std::mem::replace(&mut process.stage, Stage::Moving) {
                Stage::Creating(creating) => {
                    self.poller.remove(creating.fd());
                    match creating.advance() {
                        Ok(Ok(created)) => self.created(place, created),
                        Ok(Err(error)) => return self.not_started(place, error),
                        Err(creating) => {
                            let _ = self.poller.add(creating.fd(), Token::Stage(place), EventFlags::IN);
                            let (pid, hooks_due) = (creating.pid(), creating.hooks_due());
                            process.stage = Stage::Creating(creating);
                            if hooks_due {
                                self.begin_create_hooks(pid);
                            }
                            return;
                        }
                    }
                }
                Stage::Created(mut created) if goes_on => match created.go() {
                    Ok(starting) => process.stage = Stage::Starting(starting, created),
                    Err(error) => return self.not_started(place, error),
                },
                Stage::Starting(starting, created) => {
                    self.poller.remove(starting.fd());
                    match starting.advance() {
                        Ok(Ok(())) => {
                            process.stage = Stage::Running(created);
                            return self.runs(place);
                        }
                        Ok(Err(error)) => return self.not_started(place, error),
                        Err(starting) => {
                            let _ = self.poller.add(starting.fd(), Token::Stage(place), EventFlags::IN);
                            process.stage = Stage::Starting(starting, created);
                            return;
                        }
                    }
                }
                Stage::Other(Progress::Created(pidfd)) if goes_on => {
                    process.stage = Stage::Other(Progress::Starting(Some(pidfd)));
                    return self.start_by_other();
                }
                other => {
                    process.stage = other;
                    return;
                }
            }
        }
    }

    fn created(&mut self, place: usize, mut created: runtime::Created) {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        if let Some(master) = created.console.take() {
            let opened = process.open_console(&self.poller, place, master);
            if let Err(error) = opened {
                // An exec goes on by itself.
                let _ = sys::signal::send(&created.pidfd, 9);
                process.stage = Stage::Created(created);
                return self.not_started(place, error.into());
            }
        }
        if place == INIT {
            self.cgroup = created.cgroup.take();
            self.mounts = mounts_of(created.pid);
            self.watch_oom();
        }
        let warnings = std::mem::take(&mut created.warnings);
        let pid = created.pid.as_raw_nonzero().get();
        if let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) {
            process.stage = Stage::Created(created);
        }
        if place == INIT {
            self.tell_created(warnings, Ok(pid));
        }
        self.watch_clients(place);
    }

    /// A process's program has been executed.
    pub(super) fn runs(&mut self, place: usize) {
        let Some(process) = self.processes.get(place).and_then(Option::as_ref) else { return };
        let pid = process.pid;
        if place == INIT && process.status.is_some() {
            // It has ended before we heard that it had begun.
            self.kill_the_rest();
        }
        if place != INIT || !self.begin_start_hooks(pid) {
            self.started_up(place);
        }
    }

    /// A process runs, and everything is done that belongs to its start.
    pub(super) fn started_up(&mut self, place: usize) {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        let pid = process.pid.as_raw_nonzero().get();
        if let Some(number) = process.asked.take() {
            self.answer(number, if place == INIT { Answer::Done } else { Answer::Pid(pid) });
        }
        // It may have ended before we heard that it had begun.
        self.end_if_drained(place);
    }

    /// A process could not be made or executed; it is exiting, or never was.
    pub(super) fn not_started(&mut self, place: usize, error: runtime::StartError) {
        if place == INIT {
            return self.container_not_started(error);
        }
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        if let Some(number) = process.asked.take() {
            // The clients are still the daemon's, which has words to write to them.
            for &client in &process.clients {
                self.clients[client] = None;
            }
            self.processes[place] = None;
            self.answer(number, Answer::NotStarted(error));
        }
    }

    pub(super) fn container_not_started(&mut self, error: runtime::StartError) {
        let asked =
            self.processes.get_mut(INIT).and_then(Option::as_mut).and_then(|process| process.asked.take());
        let exit = Exit { code: error.exit_code(), signal: None, oom: false, at: logs::Time::now() };
        self.clear();
        if asked.is_some() {
            let _ = record::write_exit(&self.state_dir, &exit);
        }
        self.tell_failure(asked, error);
    }

    /// The daemon is gone and the container has not been started: ends it without a trace.
    pub(super) fn abandon(&mut self) {
        self.clear();
        // Nobody waits for them.
        let _ = self.begin_last_hooks();
        record::remove_all(&self.state_dir);
        self.over = true;
    }

    /// Ends a container that has not been started: its prepared process, its group.
    fn clear(&mut self) {
        self.stop_hooks();
        let init = self.processes.first_mut().and_then(Option::as_mut);
        if let Some(process) = init
            && let Stage::Creating(creating) = std::mem::replace(&mut process.stage, Stage::Moving)
        {
            // Not reaped yet, so the number is still its own. Its group is removed by asking how it went; or, if it was
            // just prepared, below.
            let _ = sys::signal::send_to(creating.pid(), 9);
            self.poller.remove(creating.fd());
            self.cgroup = creating.wait().ok().and_then(|created| created.cgroup);
        }
        self.clear_other();
        // Dropping a process that is prepared ends it, and it is our only child yet but for the log's writer.
        self.processes.clear();
        self.clients.clear();
        // A process that writes it ends with that.
        self.log = super::log::Log::Closed;
        self.wait_for_children();
        self.remove_cgroup();
        self.release_ports();
    }

    /// Waits until there is no child any more, all of which end by themselves or have been killed; not for ever for one that
    /// cannot even be killed.
    fn wait_for_children(&self) {
        let until = Instant::now() + DRAIN_GRACE;
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return;
                    }
                    let left = Timespec::try_from(left).ok();
                    let _ = poll(&mut [PollFd::new(&self.children, PollFlags::IN)], left.as_ref());
                    let _ = rustix::io::read(&self.children, &mut [0; 512]);
                }
                Err(_) => return,
            }
        }
    }

    /// The ports are free when the end is told: the next run of the container binds them again, while this shim may
    /// still be serving a client that reads slowly.
    fn release_ports(&mut self) {
        self.forwards.close();
        self.held.clear();
    }

    /// Takes the exit status of every child that has ended; strangers among them were left to us by their parents.
    pub(super) fn reap(&mut self) {
        let mut space = [0; 512];
        while rustix::io::read(&self.children, &mut space).is_ok() {}
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            self.reaped(pid, status);
        }
    }

    pub(super) fn reaped(&mut self, pid: Pid, status: WaitStatus) {
        if self.command_ended(pid, status) || self.hooks_ended(pid, status) {
            return;
        }
        let made =
            |process: &Option<Process>| process.as_ref().is_some_and(|p| p.pid == pid && p.status.is_none());
        let Some(place) = self.processes.iter().position(made) else { return };
        let Some(process) = self.processes[place].as_mut() else { return };
        process.status = Some(status);
        if place == INIT {
            if process.waits() {
                // Killed before it was started: there will be nothing to start.
                let text = "the container's first process was killed before its start";
                return self.container_not_started(runtime::StartError::other(text));
            }
            if process.runs() {
                self.kill_the_rest();
            }
        }
        // What it said last is in the pipes now. If it was still being made, its stage tells what became of it.
        self.advance(place);
        self.end_if_drained(place);
    }

    /// With the first process gone, nothing of the container may go on. In a PID namespace of its own the kernel has
    /// seen to that already.
    pub(super) fn kill_the_rest(&mut self) {
        if let Some(cgroup) = &self.cgroup
            && !cgroup.pids().is_ok_and(|pids| pids.is_empty())
        {
            let _ = cgroup.kill();
        }
    }

    /// A process's output can be read.
    pub(super) fn output_ready(&mut self, place: usize, output: Output) {
        if self.pump(place, output) {
            self.end_if_drained(place);
        }
    }

    /// If a process has ended: reads what is left, and closes its story if nothing more can come.
    fn end_if_drained(&mut self, place: usize) {
        let ended = |s: &Self| {
            s.processes
                .get(place)
                .and_then(Option::as_ref)
                .is_some_and(|process| process.status.is_some() && !process.finished && process.runs())
        };
        if !ended(self) || place == INIT && self.starts_with_hooks() {
            return;
        }
        if let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) {
            process.drain_until.get_or_insert_with(|| Instant::now() + DRAIN_GRACE);
        }
        for output in [Output::Stdout, Output::Stderr, Output::Console] {
            if !self.pump(place, output) {
                // More is there; the event for it comes again.
                return;
            }
        }
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        // A terminal has no end that can be seen while others of its session have it open: what is there is all.
        if process.console.is_some() && !process.held_up && process.exec_id.is_none() {
            process.console = None;
        }
        if process.outputs_closed() {
            self.finish(place);
        }
    }

    /// Closes the stories of ended processes whose output is held open for too long; when to look again.
    pub(super) fn end_drained(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for place in 0..self.processes.len() {
            let Some(process) = self.processes[place].as_ref() else { continue };
            // One that is held up still has output that somebody is waiting for.
            let Some(limit) = process.drain_until.filter(|_| !process.finished && !process.held_up) else {
                continue;
            };
            if limit <= now {
                self.finish(place);
            } else {
                next = Some(next.map_or(limit, |next| next.min(limit)));
            }
        }
        next
    }

    /// A process has ended and all of its output has been read.
    fn finish(&mut self, place: usize) {
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        process.finished = true;
        (process.stdout, process.stderr, process.console) = (None, None, None);
        let (code, signal) = process.status.map_or((255, None), exit_code);
        let at = logs::Time::now();
        let exec_id = process.exec_id.clone();
        // Semantics 17: the session of an input for one client lasts until the container is known not to run any more.
        let lasts = place == INIT && process.stdin_once && !process.terminal;
        if lasts && self.control.as_ref().is_some_and(|control| !control.broken) {
            self.sessions_end = Some(Instant::now() + HEARD_GRACE);
        } else {
            self.end_clients(place);
        }
        match exec_id {
            Some(exec_id) => {
                self.tell(Event::ExecExited { exec_id, code, at });
                self.reclaim(place);
            }
            None => {
                let exit = Exit { code, signal, oom: false, at };
                if !self.delete_by_other(exit) {
                    self.container_over(exit);
                }
            }
        }
    }

    /// Ends the sessions that were kept until the daemon has recorded the end, if that takes too long; when to look again.
    pub(super) fn end_sessions(&mut self, now: Instant) -> Option<Instant> {
        let limit = self.sessions_end?;
        if limit > now {
            return Some(limit);
        }
        self.sessions_end = None;
        self.end_clients(INIT);
        None
    }

    /// Frees the place of an ended exec whose clients have everything.
    pub(super) fn reclaim(&mut self, place: usize) {
        if let Some(Some(process)) = self.processes.get(place)
            && process.finished
            && process.exec_id.is_some()
            && process.clients.is_empty()
        {
            self.processes[place] = None;
        }
    }

    /// The container has ended, and nobody else has to do anything about it any more.
    pub(super) fn container_over(&mut self, mut exit: Exit) {
        self.log.end(exit.at);
        self.oom_ready();
        exit.oom = self.oom;
        // Execs of a container without a PID namespace may not have been reaped yet; they have no story without it.
        for place in INIT + 1..self.processes.len() {
            if self.processes[place].as_ref().is_some_and(|process| !process.finished) {
                self.end_clients(place);
            }
        }
        self.exit = Some(exit);
        // If it cannot be written, the daemon that is there is told all the same.
        let _ = record::write_exit(&self.state_dir, &exit);
        self.remove_cgroup();
        self.release_ports();
        self.tell_end(exit);
    }

    fn remove_cgroup(&mut self) {
        self.oom_watch = None;
        if let Some(cgroup) = self.cgroup.take() {
            // A group that is still busy is found again by its name when the daemon sweeps.
            let _ = cgroup.remove();
        }
    }

    pub(super) fn watch_oom(&mut self) {
        let Some(cgroup) = &self.cgroup else { return };
        // Without the watch the container runs all the same; its end still asks for the count.
        let Ok(Some(watch)) = cgroup.watch_oom() else { return };
        if self.poller.add(watch.fd().as_fd(), Token::Oom, EventFlags::IN).is_ok() {
            self.oom_watch = Some(watch);
        }
    }

    /// There may be news of the OOM killer.
    pub(super) fn oom_ready(&mut self) {
        let Some(watch) = &mut self.oom_watch else { return };
        match watch.take() {
            Ok(0) => {}
            Ok(_) => {
                self.oom = true;
                self.tell(Event::Oom);
            }
            Err(_) => {
                self.poller.remove(watch.fd().as_fd());
                self.oom_watch = None;
            }
        }
    }
}

/// The mount namespace of a process of ours, which lasts as long as the descriptor is open. Without it the container only
/// ends more slowly.
fn mounts_of(pid: Pid) -> Option<OwnedFd> {
    let path = format!("/proc/{}/ns/mnt", pid.as_raw_nonzero());
    open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// The exit code as shells count, and the signal.
fn exit_code(status: WaitStatus) -> (i32, Option<i32>) {
    match status.terminating_signal() {
        Some(signal) => (128 + signal, Some(signal)),
        None => (status.exit_status().unwrap_or(255), None),
    }
}
