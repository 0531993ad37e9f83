//! The daemon's hold on one shim: requests that wait for their answer, from any thread.
//!
//! Invariant: whatever happens to the shim, every request gets an answer or an error and [`Event::Exited`] is told once.
//! A container that has ended answers as one that is not running, whether or not its shim is still there.

use std::collections::HashMap;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use errdefs::{Class, Error, Result, conflict, system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::protocol::{self, Answer, Numbered, Request, Target};
use crate::reactor::Reactor;
use crate::record;
use crate::{AttachOptions, ContainerId, ExecRequest, Exit, Phase};

/// How long a shim may take to answer. Nothing it does waits for anybody; this only bounds the harm of a stopped one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take to answer that everything is killed before it is killed itself (semantics 47).
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// A container's shim. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Shim>);

/// What the reactor and the handles share.
#[derive(Debug)]
pub(crate) struct Shim {
    pub(crate) id: ContainerId,
    pub(crate) state_dir: PathBuf,
    pub(crate) socket: OwnedFd,
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    /// Packets of one message must not be mixed with others', and the numbers must be sent in order.
    sending: Mutex<()>,
    next: AtomicU32,
    state: Mutex<State>,
    changed: Condvar,
}

/// What is known of the container.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) created: Option<Result<i32, runtime::StartError>>,
    pub(crate) warnings: Vec<String>,
    pub(crate) exited: Option<Exit>,
    /// Its program could not be executed; there is no end to tell.
    pub(crate) not_started: bool,
    /// Another daemon has taken over; what becomes of the container is not ours to tell.
    pub(crate) replaced: bool,
    /// The connection is closed; nothing will be answered any more.
    pub(crate) gone: bool,
    /// Its process is gone, and what it left has been taken away.
    buried: bool,
    pub(crate) execs: Vec<(String, i32)>,
    /// How long hooks may take when it is started.
    pub(crate) hooks: Duration,
    /// The protocol's version that it speaks, if it is not ours.
    pub(crate) other_version: Option<u32>,
    /// It was adopted and has not said a word yet.
    pub(crate) silent: bool,
    waiting: HashMap<u32, SyncSender<(Answer, Vec<OwnedFd>)>>,
}

impl Shim {
    pub(crate) fn new(
        id: ContainerId,
        state_dir: PathBuf,
        socket: OwnedFd,
        pid: Pid,
        pidfd: OwnedFd,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            state_dir,
            socket,
            pid,
            pidfd,
            sending: Mutex::new(()),
            next: AtomicU32::new(1),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known and wakes who waits for it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.notify_all();
        result
    }

    /// Delivers an answer to the thread that waits for it.
    pub(crate) fn answer(&self, number: u32, answer: Answer, fds: Vec<OwnedFd>) {
        let waiting = self.change(|state| {
            state.not_started |= matches!(answer, Answer::StartFailed(_));
            state.waiting.remove(&number)
        });
        if let Some(waiting) = waiting {
            let _ = waiting.send((answer, fds));
        }
    }

    /// The connection is closed: everybody who waits for an answer learns that.
    pub(crate) fn hung_up(&self) {
        self.change(|state| {
            state.gone = true;
            state.waiting.clear();
        });
    }

    /// Whether something may come from it that can be understood.
    pub(crate) fn listens(&self) -> bool {
        let state = self.state();
        !state.gone && state.other_version.is_none()
    }

    /// Its process is gone, and what it left has been taken away.
    pub(crate) fn buried(&self) {
        self.hung_up();
        self.change(|state| state.buried = true);
    }

    fn not_running(&self) -> Error {
        conflict(format!("container {} is not running", self.id))
    }

    fn ask(&self, request: Request, fds: &[BorrowedFd<'_>]) -> Result<(Answer, Vec<OwnedFd>)> {
        self.ask_within(request, fds, ANSWER_TIMEOUT)
    }

    fn ask_within(
        &self,
        request: Request,
        fds: &[BorrowedFd<'_>],
        patience: Duration,
    ) -> Result<(Answer, Vec<OwnedFd>)> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut state = self.state();
            if state.gone || state.exited.is_some() {
                return Err(self.not_running());
            }
            if let Some(spoken) = state.other_version {
                return Err(stranger(&self.id, spoken));
            }
            state.waiting.insert(number, sender);
        }
        let sent = {
            let _order = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
            self.send(&Numbered { number, request }, fds, patience)
        };
        if let Err(error) = sent {
            self.state().waiting.remove(&number);
            return Err(if error.class() == Class::Unavailable { self.not_running() } else { error });
        }
        match receiver.recv_timeout(patience) {
            Ok(answer) => Ok(answer),
            Err(RecvTimeoutError::Disconnected) => Err(self.not_running()),
            Err(RecvTimeoutError::Timeout) => {
                self.state().waiting.remove(&number);
                Err(self.silent())
            }
        }
    }

    /// Sends a request; waits while the shim has more of them than its socket holds.
    fn send(&self, request: &Numbered, fds: &[BorrowedFd<'_>], patience: Duration) -> Result<()> {
        while !protocol::send(self.socket.as_fd(), request, fds)? {
            let timeout = Timespec::try_from(patience).ok();
            let ready = poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], timeout.as_ref());
            if ready == Ok(0) {
                return Err(self.silent());
            }
        }
        Ok(())
    }

    fn silent(&self) -> Error {
        Error::new(Class::DeadlineExceeded, format!("the shim of container {} does not answer", self.id))
    }

    fn done(&self, request: Request, fds: &[BorrowedFd<'_>]) -> Result<()> {
        self.done_within(request, fds, ANSWER_TIMEOUT)
    }

    fn done_within(&self, request: Request, fds: &[BorrowedFd<'_>], patience: Duration) -> Result<()> {
        match self.ask_within(request, fds, patience)?.0 {
            Answer::Done => Ok(()),
            Answer::Failed(failure) => Err(failure.into()),
            other => Err(unexpected(&other)),
        }
    }
}

fn stranger(id: &str, spoken: u32) -> Error {
    let ours = protocol::version();
    errdefs::not_implemented(format!(
        "container {id} was started by another version of the engine (shim protocol {spoken}, not {ours}): it can be \
         stopped, killed, waited for and removed; restart it for everything else"
    ))
}

fn unexpected(answer: &Answer) -> Error {
    system(format!("shim: unexpected answer {answer:?}"))
}

impl Handle {
    pub(crate) fn new(shim: Arc<Shim>) -> Self {
        Self(shim)
    }

    /// The container's id.
    pub fn id(&self) -> &ContainerId {
        &self.0.id
    }

    /// Has a reactor listen to an adopted shim.
    pub(crate) fn followed_by(&self, reactor: &Reactor) -> Result<()> {
        match self.other_version() {
            None => reactor.add(&self.0),
            Some(_) => reactor.add_mute(&self.0),
        }
    }

    /// Whether it was adopted and has not said a word yet: what it says when asked would be waited for in vain.
    pub fn is_silent(&self) -> bool {
        self.0.state().silent
    }

    /// Its state directory.
    pub fn state_dir(&self) -> &Path {
        &self.0.state_dir
    }

    /// The shim's own process id.
    pub fn shim_pid(&self) -> i32 {
        self.0.pid.as_raw_nonzero().get()
    }

    /// Waits until the container is made; the process id of its first process. The failure is what `docker start`
    /// shows ([`runtime::StartError::docker_create_text`]) with the exit code it records; no `Exited` event follows it.
    ///
    /// # Errors
    /// As said; also if the shim died meanwhile.
    pub fn wait_created(&self) -> Result<i32, runtime::StartError> {
        let mut state = self.0.state();
        loop {
            match &state.created {
                Some(created) => return created.clone(),
                None if state.gone => return Err(runtime::StartError::other("the shim died")),
                None => state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Executes the container's program as soon as the container is made, which need not be waited for; returns when it
    /// runs. After a failure no `Exited` event follows.
    ///
    /// # Errors
    /// Why it could not be executed, or the container not be made.
    pub fn start(&self) -> Result<(), runtime::StartError> {
        let patience = ANSWER_TIMEOUT + self.0.state().hooks;
        match self.0.ask_within(Request::Start, &[], patience) {
            Ok((Answer::Done, _)) => Ok(()),
            Ok((Answer::StartFailed(error), _)) => Err(error),
            // There may be no container any more to be started: then it has said why before this.
            Ok((Answer::Failed(failure), _)) => match self.0.state().created.clone() {
                Some(Err(error)) => Err(error),
                _ => Err(Error::from(failure).into()),
            },
            Ok((other, _)) => Err(unexpected(&other).into()),
            // It may have failed before it was asked.
            Err(error) => Err(self.last_word().unwrap_or_else(|| error.into())),
        }
    }

    /// Why the container could not be made, from a shim that has gone. What it said last may not have been read yet, so
    /// this waits for the end of what it said.
    fn last_word(&self) -> Option<runtime::StartError> {
        let mut state = self.0.state();
        while !state.gone && state.exited.is_none() {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.created.clone().and_then(Result::err)
    }

    /// Hangs up on the shim of a container whose end is recorded: sessions that were to last so long end now.
    pub fn release(&self) {
        // A shim that is gone already has ended them itself.
        let _ = rustix::net::shutdown(&self.0.socket, rustix::net::Shutdown::Write);
    }

    /// The process id of the container's first process, if it has been made.
    pub fn pid(&self) -> Option<i32> {
        self.0.state().created.as_ref().and_then(|created| created.as_ref().ok().copied())
    }

    /// What could not be done and was left out when the container was made, for a log; empty if it was adopted.
    pub fn warnings(&self) -> Vec<String> {
        self.0.state().warnings.clone()
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        self.0.state().exited
    }

    /// Execs that ran when this shim was adopted: ids and process ids.
    pub fn adopted_execs(&self) -> Vec<(String, i32)> {
        self.0.state().execs.clone()
    }

    /// What the container is doing, and how its log fares.
    ///
    /// # Errors
    /// `Conflict` if it is not running.
    pub fn status(&self) -> Result<(Phase, logs::Stats)> {
        match self.0.ask(Request::Status, &[])?.0 {
            Answer::Status { phase, log } => Ok((phase, log)),
            Answer::Failed(failure) => Err(failure.into()),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends a signal to the container's first process.
    ///
    /// # Errors
    /// `Conflict` if it is not running.
    pub fn signal(&self, signal: i32) -> Result<()> {
        if self.other_version().is_some() {
            return self.signal_init(signal);
        }
        self.0.done(Request::Signal { target: None, signal }, &[])
    }

    /// As [`Handle::signal`], for who has something else to do when the shim does not answer within `patience`.
    ///
    /// # Errors
    /// `Conflict` if it is not running; `DeadlineExceeded` without an answer.
    pub fn signal_within(&self, signal: i32, patience: Duration) -> Result<()> {
        if self.other_version().is_some() {
            return self.signal_init(signal);
        }
        self.0.done_within(Request::Signal { target: None, signal }, &[], patience)
    }

    /// Kills all processes of the container, frozen ones too. A shim that does not answer is killed itself after ten
    /// seconds; the kernel takes its container along, and the end is told like that of any killed shim.
    ///
    /// # Errors
    /// `Conflict` if it is not running.
    pub fn kill_all(&self) -> Result<()> {
        if self.other_version().is_some() {
            record::kill_group(&self.0.state_dir);
            // Without its first process there is none, and its shim has nothing to wait for.
            return self.signal_init(9).or_else(|_| self.kill_shim());
        }
        match self.0.done_within(Request::KillAll, &[], KILL_TIMEOUT) {
            Err(error) if error.class() == Class::DeadlineExceeded => self.kill_shim(),
            other => other,
        }
    }

    fn kill_shim(&self) -> Result<()> {
        pidfd_send_signal(&self.0.pidfd, Signal::KILL)
            .map_err(|errno| system(format!("kill the shim of container {}: {errno}", self.0.id)))
    }

    /// Kills everything of a run that will not be, and waits until its shim is gone too and has left nothing.
    ///
    /// # Errors
    /// `DeadlineExceeded` if it stays.
    pub fn abandon(&self) -> Result<()> {
        // It may be gone already.
        let _ = if self.is_silent() { self.kill_shim() } else { self.kill_all() };
        if !self.wait_buried() {
            self.kill_shim()?;
            if !self.wait_buried() {
                return Err(self.0.silent());
            }
        }
        Ok(())
    }

    fn wait_buried(&self) -> bool {
        let state = self.0.state();
        let waited = self.0.changed.wait_timeout_while(state, KILL_TIMEOUT, |state| !state.buried);
        waited.unwrap_or_else(PoisonError::into_inner).0.buried
    }

    /// The protocol's version that the shim speaks, if it is not ours: then it can only be signalled and waited for.
    pub fn other_version(&self) -> Option<u32> {
        self.0.state().other_version
    }

    /// Whether it can be asked for anything.
    ///
    /// # Errors
    /// `NotImplemented` if its shim speaks another version's protocol.
    pub fn check_version(&self) -> Result<()> {
        self.other_version().map_or(Ok(()), |spoken| Err(stranger(self.id(), spoken)))
    }

    /// Signals the first process of a shim that cannot be asked.
    fn signal_init(&self, signal: i32) -> Result<()> {
        let gone = || self.0.not_running();
        let init = self.pid().and_then(Pid::from_raw).ok_or_else(gone)?;
        let pidfd = pidfd_open(init, PidfdFlags::empty()).map_err(|_| gone())?;
        // The number may be another's by now; a shim's child is its own, for it reaps it.
        let status = std::fs::read_to_string(format!("/proc/{}/status", init.as_raw_nonzero()));
        let parent = format!("PPid:\t{}", self.shim_pid());
        if !status.is_ok_and(|status| status.lines().any(|line| line == parent)) {
            return Err(gone());
        }
        sys::signal::send(&pidfd, signal).map_err(|error| match error.errno() {
            Errno::SRCH => gone(),
            Errno::INVAL => errdefs::invalid(format!("invalid signal: {error}")),
            _ => system(error.to_string()),
        })
    }

    /// Sets the size of the container's terminal, if it has one.
    ///
    /// # Errors
    /// `Conflict` if it is not running.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        self.0.done(Request::Resize { target: None, rows, columns }, &[])
    }

    /// Hands a client's connection (a stream socket) over to the shim: it gets the container's output from now on, and
    /// its input is the container's. The shim closes it when the container ends or the client detaches; the caller must
    /// not use it any more.
    ///
    /// A client that takes its output slowly loses nothing: what it lags behind goes to a file (64 MiB at most), then
    /// the container waits for it, as long as it takes something within each second. A client that takes nothing is cut
    /// off then, so that no client can hold a container up.
    ///
    /// # Errors
    /// `Conflict` if the container is not running.
    #[expect(clippy::needless_pass_by_value, reason = "the connection is given away")]
    pub fn attach(&self, client: OwnedFd, options: AttachOptions) -> Result<()> {
        self.0.done(Request::Attach { options }, &[client.as_fd()])
    }

    /// Closes the container's input.
    ///
    /// # Errors
    /// `Conflict` if it is not running.
    pub fn close_stdin(&self) -> Result<()> {
        self.0.done(Request::CloseStdin { target: None }, &[])
    }

    /// Runs a process in the container; returns its process id when it runs. Its end is told by `ExecExited`.
    ///
    /// # Errors
    /// Why it could not be executed ([`runtime::StartError::docker_exec_text`]); the client's connection, if one was
    /// given, is then still the caller's through any copy it kept.
    pub fn exec(&self, request: ExecRequest) -> Result<i32, runtime::StartError> {
        let ExecRequest { exec_id, plan, open_stdin, attach } = request;
        let (fd, options) = attach.unzip();
        let fds: Vec<BorrowedFd<'_>> = fd.iter().map(std::os::fd::AsFd::as_fd).collect();
        let request = Request::Exec { exec_id, plan: Box::new(plan), open_stdin, attach: options };
        match self.0.ask(request, &fds) {
            Ok((Answer::Pid(pid), _)) => Ok(pid),
            Ok((Answer::NotStarted(error), _)) => Err(error),
            Ok((Answer::Failed(failure), _)) => Err(Error::from(failure).into()),
            Ok((other, _)) => Err(unexpected(&other).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a signal to an exec's process.
    ///
    /// # Errors
    /// `NotFound` if there is none of this id; `Conflict` if the container is not running.
    pub fn exec_signal(&self, exec_id: &str, signal: i32) -> Result<()> {
        self.0.done(Request::Signal { target: target(exec_id), signal }, &[])
    }

    /// Sets the size of an exec's terminal, if it has one.
    ///
    /// # Errors
    /// `NotFound` if there is none of this id; `Conflict` if the container is not running.
    pub fn exec_resize(&self, exec_id: &str, rows: u16, columns: u16) -> Result<()> {
        self.0.done(Request::Resize { target: target(exec_id), rows, columns }, &[])
    }

    /// Stops all processes of the container.
    ///
    /// # Errors
    /// `Conflict` if it is not running or paused already; `System` if the kernel refuses.
    pub fn pause(&self) -> Result<()> {
        self.0.done(Request::Pause, &[])
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// `Conflict` if it is not paused; `System` if the kernel refuses.
    pub fn resume(&self) -> Result<()> {
        self.0.done(Request::Resume, &[])
    }

    /// Leads the published ports to other addresses of the container, which must have one.
    ///
    /// # Errors
    /// If the container does not run.
    pub fn retarget(&self, ipv4: Option<std::net::Ipv4Addr>, ipv6: Option<std::net::Ipv6Addr>) -> Result<()> {
        self.0.done(Request::Retarget { ipv4, ipv6 }, &[])
    }

    /// Changes limits.
    ///
    /// # Errors
    /// `Conflict` if it is not running; `System` if the kernel refuses.
    pub fn update(&self, limits: cgroups::Limits) -> Result<()> {
        self.0.done(Request::Update { limits: Box::new(limits) }, &[])
    }

    /// The root directory of the container inside its own mount namespace, for paths resolved below it.
    ///
    /// # Errors
    /// `Conflict` if it is not running.
    pub fn root_fd(&self) -> Result<OwnedFd> {
        match self.0.ask(Request::RootFd, &[])? {
            (Answer::Done, mut fds) => fds.pop().ok_or_else(|| system("shim: no descriptor in the answer")),
            (Answer::Failed(failure), _) => Err(failure.into()),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// All processes of the container.
    ///
    /// # Errors
    /// `Conflict` if it is not running.
    pub fn pids(&self) -> Result<Vec<i32>> {
        match self.0.ask(Request::Pids, &[])?.0 {
            Answer::Pids(pids) => Ok(pids),
            Answer::Failed(failure) => Err(failure.into()),
            other => Err(unexpected(&other)),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a target is an exec or the container")]
fn target(exec_id: &str) -> Target {
    Some(exec_id.to_owned())
}
