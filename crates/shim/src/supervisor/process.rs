//! A process of the container that the shim made: the first one or an exec; its streams and who is attached to them.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use errdefs::{Context as _, Result};
use rustix::event::epoll::EventFlags;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{Pid, WaitStatus};

use super::backlog::Backlog;
use super::poller::{Poller, Token, Watched};

/// Room in the pipe for a container that writes in bursts: it goes on while the shim does something else. Half of what
/// an unprivileged process may have; an idle pipe takes no memory.
const PIPE_BYTES: usize = 512 * 1024;

/// How far a process has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Being prepared.
    Creating(runtime::Creating),
    /// The first process: prepared, waiting for `Start`.
    Created(runtime::Created),
    /// Told to execute its program.
    Starting(runtime::Starting, runtime::Created),
    /// Its program runs, or has ended.
    Running(runtime::Created),
    /// Made by another runtime.
    Other(super::foreign::Progress),
    /// Only while it is moved from one stage to the next.
    Moving,
}

/// A process and its streams.
#[derive(Debug)]
pub(super) struct Process {
    /// The exec's id; `None`: the container's first process.
    pub(super) exec_id: Option<String>,
    pub(super) stage: Stage,
    pub(super) pid: Pid,
    /// The number of the request to answer when it runs.
    pub(super) asked: Option<u32>,
    pub(super) terminal: bool,
    /// Its input is closed when a client that feeds it is gone.
    pub(super) stdin_once: bool,
    pub(super) input: Input,
    pub(super) stdout: Option<Watched>,
    pub(super) stderr: Option<Watched>,
    pub(super) console: Option<Watched>,
    /// Places of the attached clients.
    pub(super) clients: Vec<usize>,
    pub(super) backlog: Backlog,
    /// It is not read from now, because a client lags too far behind.
    pub(super) held_up: bool,
    pub(super) status: Option<WaitStatus>,
    /// It has ended, but something still has its output open: how long that is waited for.
    pub(super) drain_until: Option<Instant>,
    /// It has ended and its output has been read; only its clients may not have everything yet.
    pub(super) finished: bool,
}

/// The input of a process.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// The pipe; with a terminal it is the console.
    pipe: Option<Watched>,
    /// What the process has not taken yet; clients are not read from while there is any.
    pending: Vec<u8>,
    /// Close when `pending` is empty.
    closing: bool,
}

/// The ends of a process's streams that it gets.
#[derive(Debug)]
pub(super) struct ChildEnds {
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Our ends.
#[derive(Debug, Default)]
pub(super) struct OurEnds {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

/// Makes the pipes of a process without a terminal. `listened`: somebody takes its output; else it goes nowhere.
pub(super) fn pipes(open_stdin: bool, listened: bool) -> Result<(ChildEnds, OurEnds)> {
    let null =
        || open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).context(|| "open /dev/null");
    let pipe = || pipe_with(PipeFlags::CLOEXEC).context(|| "pipe");
    let mut ours = OurEnds::default();
    let stdin = if open_stdin {
        let (theirs, end) = pipe()?;
        nonblocking(&end)?;
        ours.stdin = Some(end);
        theirs
    } else {
        null()?
    };
    let output = |end: &mut Option<OwnedFd>| -> Result<OwnedFd> {
        if !listened {
            return null();
        }
        let (reader, theirs) = pipe()?;
        // Refused when the user has too much in pipes already; the default of 64 KiB works, only with more switches.
        let _ = fcntl_setpipe_size(&reader, PIPE_BYTES);
        nonblocking(&reader)?;
        *end = Some(reader);
        Ok(theirs)
    };
    let stdout = output(&mut ours.stdout)?;
    let stderr = output(&mut ours.stderr)?;
    Ok((ChildEnds { stdin, stdout, stderr }, ours))
}

fn nonblocking(fd: &OwnedFd) -> Result<()> {
    rustix::io::ioctl_fionbio(fd, true).context(|| "FIONBIO")
}

impl Process {
    /// The process at `place`, being created, with our ends of its pipes watched.
    pub(super) fn new(
        poller: &Rc<Poller>,
        place: usize,
        exec_id: Option<String>,
        creating: runtime::Creating,
        ours: OurEnds,
        terminal: bool,
    ) -> Result<Self> {
        poller.add(creating.fd(), Token::Stage(place), EventFlags::IN)?;
        let pid = creating.pid();
        Ok(Self::at_stage(poller, place, exec_id, (pid, Stage::Creating(creating)), ours, terminal))
    }

    /// The process at `place` that another runtime's command, which is the child `command`, is making.
    pub(super) fn of_other(
        poller: &Rc<Poller>,
        place: usize,
        exec_id: Option<String>,
        command: Pid,
        ours: OurEnds,
        terminal: bool,
    ) -> Self {
        let stage = Stage::Other(super::foreign::Progress::Creating);
        Self::at_stage(poller, place, exec_id, (command, stage), ours, terminal)
    }

    fn at_stage(
        poller: &Rc<Poller>,
        place: usize,
        exec_id: Option<String>,
        (pid, stage): (Pid, Stage),
        ours: OurEnds,
        terminal: bool,
    ) -> Self {
        let watch = |fd: Option<OwnedFd>, token| {
            fd.map(|fd| {
                let mut watched = Watched::new(poller, fd, token);
                watched.want(Some(EventFlags::IN));
                watched
            })
        };
        Self {
            exec_id,
            pid,
            stage,
            asked: None,
            terminal,
            stdin_once: false,
            input: Input {
                pipe: ours.stdin.map(|fd| Watched::new(poller, fd, Token::Stdin(place))),
                ..Input::default()
            },
            stdout: watch(ours.stdout, Token::Stdout(place)),
            stderr: watch(ours.stderr, Token::Stderr(place)),
            console: None,
            clients: Vec::new(),
            backlog: Backlog::default(),
            held_up: false,
            status: None,
            drain_until: None,
            finished: false,
        }
    }

    /// The terminal has been made.
    pub(super) fn open_console(&mut self, poller: &Rc<Poller>, place: usize, master: OwnedFd) -> Result<()> {
        nonblocking(&master)?;
        let mut console = Watched::new(poller, master, Token::Console(place));
        console.want(Some(EventFlags::IN));
        self.console = Some(console);
        // What clients typed before there was a terminal.
        self.flush_input();
        Ok(())
    }

    /// Its descriptor, once it is prepared.
    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        match &self.stage {
            Stage::Created(created) | Stage::Starting(_, created) | Stage::Running(created) => {
                Some(created.pidfd.as_fd())
            }
            Stage::Other(progress) => progress.pidfd().map(|fd| fd.as_fd()),
            Stage::Creating(_) | Stage::Moving => None,
        }
    }

    /// Its program runs, or has ended.
    pub(super) fn runs(&self) -> bool {
        matches!(self.stage, Stage::Running(_) | Stage::Other(super::foreign::Progress::Running(_)))
    }

    /// It is made and waits for its start.
    pub(super) fn waits(&self) -> bool {
        matches!(self.stage, Stage::Created(_) | Stage::Other(super::foreign::Progress::Created(_)))
    }

    /// Nothing more can come from it.
    pub(super) fn outputs_closed(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none() && self.console.is_none()
    }

    /// Stops or resumes reading its output.
    pub(super) fn hold_up(&mut self, held_up: bool) {
        self.held_up = held_up;
        let flags = (!held_up).then_some(EventFlags::IN);
        for output in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            output.want(flags);
        }
        self.watch_console();
    }

    fn watch_console(&mut self) {
        let (held_up, pending) = (self.held_up, !self.input.pending.is_empty());
        if let Some(console) = &mut self.console {
            let mut flags = EventFlags::empty();
            if !held_up {
                flags |= EventFlags::IN;
            }
            if pending {
                flags |= EventFlags::OUT;
            }
            console.want((!flags.is_empty()).then_some(flags));
        }
    }

    /// Whether it takes more input now.
    pub(super) fn takes_input(&self) -> bool {
        self.input.pending.is_empty() && !self.input.closing && self.has_input()
    }

    /// Whether it has an input that is not closed.
    pub(super) fn has_input(&self) -> bool {
        self.input.pipe.is_some() || (self.terminal && self.status.is_none())
    }

    /// Feeds it; what it does not take now is kept.
    pub(super) fn feed(&mut self, data: &[u8]) {
        if self.has_input() && !self.input.closing {
            self.input.pending.extend_from_slice(data);
            self.flush_input();
        }
    }

    /// Gives it what is kept, as far as it takes it.
    pub(super) fn flush_input(&mut self) {
        let sink = if self.terminal { self.console.as_ref() } else { self.input.pipe.as_ref() };
        // Before the terminal is made, input waits.
        let Some(sink) = sink else { return };
        let mut written = 0;
        let mut broken = false;
        while written < self.input.pending.len() {
            match rustix::io::write(sink, &self.input.pending[written..]) {
                Ok(len) => written += len,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        self.input.pending.drain(..written);
        if broken {
            // Nobody reads it any more, and nobody will.
            self.input.pending = Vec::new();
            self.input.closing = true;
        }
        if self.input.pending.is_empty() && self.input.pending.capacity() > super::SMALL_BUFFER {
            self.input.pending = Vec::new();
        }
        if self.terminal {
            self.watch_console();
        } else if self.input.closing && self.input.pending.is_empty() {
            self.input.pipe = None;
        } else if let Some(pipe) = &mut self.input.pipe {
            pipe.want((!self.input.pending.is_empty()).then_some(EventFlags::OUT));
        }
    }

    /// Closes its input behind what is still to be given; a terminal's cannot be closed.
    pub(super) fn close_input(&mut self) {
        if !self.terminal {
            self.input.closing = true;
            self.flush_input();
        }
    }
}
