//! The daemon's requests, and what it is told. One daemon at a time: a new connection replaces the old one.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use errdefs::{Context as _, Error, Result, conflict, invalid, not_found, system};
use rustix::event::epoll::EventFlags;
use rustix::fs::{Mode, OFlags, open};
use rustix::net::{SocketFlags, accept_with, sockopt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::poller::{Poller, Token, Watched};
use super::{INIT, Supervisor};
use crate::protocol::{self, Answer, Message, Numbered, PACKET_MAX, Received, Request, Target};
use crate::{Event, Phase};

/// Messages kept for a daemon that does not read; then it is taken for dead, and a new one asks for what it needs.
const OUTBOX_MAX: usize = 256;
/// Events kept while there is no daemon; the oldest are dropped, for they tell of execs nobody remembers.
const UNTOLD_MAX: usize = 256;
/// Requests taken before others get their turn.
const REQUESTS_A_TURN: usize = 16;

/// The connection to the daemon.
#[derive(Debug)]
pub(super) struct Control {
    socket: Watched,
    outbox: VecDeque<(Message, Vec<OwnedFd>)>,
    pub(super) broken: bool,
}

impl Control {
    pub(super) fn new(poller: &Rc<Poller>, socket: OwnedFd) -> Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true).context(|| "FIONBIO")?;
        let mut socket = Watched::new(poller, socket, Token::Control);
        socket.want(Some(EventFlags::IN));
        Ok(Self { socket, outbox: VecDeque::new(), broken: false })
    }

    /// The first message on every connection.
    pub(super) fn greet(&mut self, supervisor: &Supervisor) {
        let created = match supervisor.processes.get(INIT).and_then(Option::as_ref) {
            Some(process) if process.pidfd().is_some() => Some(Ok(process.pid.as_raw_nonzero().get())),
            _ => None,
        };
        let execs = supervisor.processes.iter().flatten().filter(|process| process.status.is_none());
        let execs = execs
            .filter_map(|process| Some((process.exec_id.clone()?, process.pid.as_raw_nonzero().get())))
            .collect();
        self.send(
            Message::Hello { version: protocol::version(), created, exited: supervisor.exit, execs },
            Vec::new(),
        );
    }

    /// The container could not be made, and the shim ends.
    pub(super) fn not_made(&mut self, error: runtime::StartError) {
        self.send(Message::Created(Err(error)), Vec::new());
        self.flush();
    }

    fn send(&mut self, message: Message, fds: Vec<OwnedFd>) {
        self.outbox.push_back((message, fds));
        self.flush();
        self.broken |= self.outbox.len() > OUTBOX_MAX;
    }

    /// Sends what the socket takes.
    pub(super) fn flush(&mut self) {
        while let Some((message, fds)) = self.outbox.front() {
            let fds: Vec<_> = fds.iter().map(std::os::fd::AsFd::as_fd).collect();
            match protocol::send(self.socket.as_fd(), message, &fds) {
                Ok(true) => drop(self.outbox.pop_front()),
                Ok(false) => break,
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        let more = if self.outbox.is_empty() { EventFlags::empty() } else { EventFlags::OUT };
        self.socket.want(Some(EventFlags::IN | more));
    }
}

/// What a request leads to.
enum Outcome {
    Now(Answer, Vec<OwnedFd>),
    /// The answer comes when a process runs, or does not.
    Later,
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        Self::Now(answer, Vec::new())
    }
}

impl Supervisor {
    /// Tells the daemon, or keeps it for the next one.
    pub(super) fn tell(&mut self, event: Event) {
        match &mut self.control {
            Some(control) if !control.broken => control.send(Message::Event(event), Vec::new()),
            _ => {
                if self.untold.len() == UNTOLD_MAX {
                    self.untold.pop_front();
                }
                self.untold.push_back(event);
            }
        }
    }

    pub(super) fn tell_created(&mut self, warnings: Vec<String>, created: Result<i32, runtime::StartError>) {
        if let Some(control) = &mut self.control {
            if !warnings.is_empty() {
                control.send(Message::Warnings(warnings), Vec::new());
            }
            control.send(Message::Created(created), Vec::new());
        }
    }

    pub(super) fn answer(&mut self, number: u32, answer: Answer) {
        self.answer_with(number, answer, Vec::new());
    }

    fn answer_with(&mut self, number: u32, answer: Answer, fds: Vec<OwnedFd>) {
        if let Some(control) = &mut self.control {
            control.send(Message::Answer { number, answer }, fds);
        }
    }

    /// A daemon connects.
    pub(super) fn accept(&mut self) {
        let Ok(socket) = accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) else {
            return;
        };
        let allowed = sockopt::socket_peercred(&socket)
            .is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid());
        if !allowed {
            return;
        }
        let Ok(mut control) = Control::new(&self.poller, socket) else { return };
        control.greet(self);
        for event in std::mem::take(&mut self.untold) {
            control.send(Message::Event(event), Vec::new());
        }
        if let Some(mut old) = self.control.replace(control) {
            old.send(Message::Replaced, Vec::new());
        }
    }

    /// The daemon's socket is ready.
    pub(super) fn control_ready(&mut self, flags: EventFlags) {
        if flags.contains(EventFlags::OUT)
            && let Some(control) = &mut self.control
        {
            control.flush();
        }
        for _ in 0..REQUESTS_A_TURN {
            let Some(control) = &mut self.control else { return };
            if control.broken {
                self.control_lost();
                return;
            }
            let mut buffer = [0; PACKET_MAX];
            match protocol::receive::<Numbered>(control.socket.as_fd(), &mut buffer) {
                Ok(Received::Message(Numbered { number, request }, fds)) => {
                    match self.handle(number, request, fds) {
                        Ok(Outcome::Now(answer, fds)) => self.answer_with(number, answer, fds),
                        Ok(Outcome::Later) => {}
                        Err(error) => self.answer(number, Answer::Failed(error.into())),
                    }
                }
                Ok(Received::Nothing) => return,
                Ok(Received::Closed) | Err(_) => {
                    self.control_lost();
                    return;
                }
            }
        }
    }

    /// The daemon is gone. A container that it has not started yet will never be: nobody knows of it.
    fn control_lost(&mut self) {
        self.control = None;
        if self.sessions_end.take().is_some() {
            self.end_clients(INIT);
        }
        if !self.started {
            self.abandon();
        }
    }

    fn handle(&mut self, number: u32, request: Request, mut fds: Vec<OwnedFd>) -> Result<Outcome> {
        match request {
            Request::Start => return self.start(number).map(|()| Outcome::Later),
            Request::Signal { target: None, signal } if self.other.is_some() => {
                self.running(INIT)?;
                if signal == 9 && self.paused {
                    self.resume()?;
                }
                if self.signal_by_other(number, signal)? {
                    return Ok(Outcome::Later);
                }
            }
            Request::Signal { target, signal } => self.signal(&target, signal)?,
            Request::KillAll => self.kill_all()?,
            Request::Resize { target, rows, columns } => self.resize(&target, rows, columns)?,
            Request::Attach { options } => {
                self.running(INIT)?;
                let socket = fds.pop().ok_or_else(|| invalid("attach: no connection"))?;
                self.attach(INIT, socket, &options);
            }
            Request::CloseStdin { target } => {
                let place = self.find(&target)?;
                if let Some(process) = self.processes[place].as_mut() {
                    process.close_input();
                }
                self.watch_clients(place);
            }
            Request::Exec { exec_id, plan, open_stdin, attach } => {
                let attach = match attach {
                    Some(options) => {
                        Some((fds.pop().ok_or_else(|| invalid("exec: no connection"))?, options))
                    }
                    None => None,
                };
                return self.exec(number, exec_id, &plan, open_stdin, attach);
            }
            Request::Pause if self.may_pause(true)? && self.freeze_by_other(number, true)? => {
                return Ok(Outcome::Later);
            }
            Request::Resume if self.may_pause(false)? && self.freeze_by_other(number, false)? => {
                return Ok(Outcome::Later);
            }
            Request::Pause => self.pause()?,
            Request::Resume => self.resume()?,
            Request::Update { limits } => self.cgroup()?.update(&limits)?,
            Request::Retarget { ipv4, ipv6 } => self.forwards.retarget(ipv4, ipv6),
            Request::RootFd => return Ok(Outcome::Now(Answer::Done, vec![self.root()?])),
            Request::Pids => return Ok(Answer::Pids(self.pids()?).into()),
            Request::Status => {
                return Ok(Answer::Status { phase: self.phase(), log: self.log.stats() }.into());
            }
        }
        Ok(Answer::Done.into())
    }

    fn exec(
        &mut self,
        number: u32,
        exec_id: String,
        plan: &runtime::ExecPlan,
        open_stdin: bool,
        attach: Option<(OwnedFd, crate::AttachOptions)>,
    ) -> Result<Outcome> {
        let made = self.running(INIT).and_then(|()| {
            if self.paused {
                return Err(conflict(format!(
                    "container {} is paused, unpause the container before exec",
                    self.id
                )));
            }
            Ok(self.make_exec(number, exec_id, plan, open_stdin, attach.is_some()))
        })?;
        match made {
            Ok(place) => {
                if let Some((socket, options)) = attach {
                    self.attach(place, socket, &options);
                }
                Ok(Outcome::Later)
            }
            Err(error) => Ok(Answer::NotStarted(error).into()),
        }
    }

    /// The place of the process that is meant.
    fn find(&self, target: &Target) -> Result<usize> {
        let place = match target {
            None => Some(INIT),
            Some(_) => self.processes.iter().position(|process| {
                process.as_ref().is_some_and(|process| process.exec_id == *target && process.status.is_none())
            }),
        };
        let place = place
            .ok_or_else(|| not_found(format!("No such exec: {}", target.as_deref().unwrap_or_default())))?;
        self.running(place).map(|()| place)
    }

    fn running(&self, place: usize) -> Result<()> {
        match self.processes.get(place).and_then(Option::as_ref) {
            Some(process) if process.status.is_none() => Ok(()),
            _ => Err(conflict(format!("container {} is not running", self.id))),
        }
    }

    fn phase(&self) -> Phase {
        match self.processes.get(INIT).and_then(Option::as_ref) {
            Some(process) if process.status.is_some() => Phase::Exited,
            Some(_) if self.paused => Phase::Paused,
            Some(process) if process.runs() => Phase::Running,
            Some(_) => Phase::Created,
            None => Phase::Exited,
        }
    }

    fn cgroup(&self) -> Result<&cgroups::Cgroup> {
        self.running(INIT)?;
        self.cgroup.as_ref().ok_or_else(|| system(format!("container {} has no control group", self.id)))
    }

    fn signal(&mut self, target: &Target, signal: i32) -> Result<()> {
        let place = self.find(target)?;
        let pidfd = self.processes[place].as_ref().and_then(|process| process.pidfd());
        match pidfd {
            Some(pidfd) => sys::signal::send(pidfd, signal).map_err(|error| gone(&error, &self.id))?,
            None => return Err(conflict(format!("container {} is not running", self.id))),
        }
        // A frozen process takes no signal, not even this one.
        if signal == 9 && self.paused {
            self.resume()?;
        }
        Ok(())
    }

    fn kill_all(&mut self) -> Result<()> {
        self.running(INIT)?;
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill()?;
        }
        match self.processes[INIT].as_ref() {
            // Being made, which fails by this. It has not been reaped, so the number is its own.
            Some(process) if process.pidfd().is_none() => {
                sys::signal::send_to(process.pid, 9).map_err(|error| gone(&error, &self.id))
            }
            _ => self.signal(&None, 9),
        }
    }

    fn resize(&self, target: &Target, rows: u16, columns: u16) -> Result<()> {
        let place = self.find(target)?;
        let Some(console) = self.processes[place].as_ref().and_then(|process| process.console.as_ref())
        else {
            return Ok(());
        };
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(console, size).context(|| "resize terminal")
    }

    /// Whether it can be paused or resumed now: `Conflict` if it is so already.
    fn may_pause(&self, pause: bool) -> Result<bool> {
        self.running(INIT)?;
        match (self.paused, pause) {
            (true, true) => Err(conflict(format!("Container {} is already paused", self.id))),
            (false, false) => Err(conflict(format!("Container {} is not paused", self.id))),
            _ => Ok(true),
        }
    }

    fn pause(&mut self) -> Result<()> {
        self.cgroup()?.freeze()?;
        self.paused = true;
        Ok(())
    }

    fn resume(&mut self) -> Result<()> {
        self.cgroup()?.thaw()?;
        self.paused = false;
        Ok(())
    }

    /// The container's root directory as its first process sees it.
    pub(super) fn root(&self) -> Result<OwnedFd> {
        self.running(INIT)?;
        let pid = self.processes[INIT].as_ref().map_or(0, |process| process.pid.as_raw_nonzero().get());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match open(format!("/proc/{pid}/root"), flags, Mode::empty()) {
            // It has ended and has not been reaped yet.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::SRCH) => {
                Err(conflict(format!("container {} is not running", self.id)))
            }
            root => root.context(|| "open the container's root"),
        }
    }

    fn pids(&self) -> Result<Vec<i32>> {
        self.running(INIT)?;
        let Some(cgroup) = &self.cgroup else {
            let processes = self.processes.iter().flatten().filter(|process| process.status.is_none());
            return Ok(processes.map(|process| process.pid.as_raw_nonzero().get()).collect());
        };
        Ok(cgroup.pids()?.into_iter().map(|pid| pid.as_raw_nonzero().get()).collect())
    }
}

/// A process that has ended but not been reaped yet is not running, for who asks.
fn gone(error: &sys::CallError, id: &str) -> Error {
    match error.errno() {
        rustix::io::Errno::SRCH => conflict(format!("container {id} is not running")),
        rustix::io::Errno::INVAL => invalid(format!("invalid signal: {error}")),
        _ => system(error.to_string()),
    }
}
