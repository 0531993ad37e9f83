//! The shim itself: one thread around one epoll set.
//!
//! Invariants: it waits for nothing but events (a stopped daemon, a stalled client, a full pipe never stop it); what it
//! holds grows with the number of clients and execs, not with what they send; the order at the end is: output drained,
//! log complete, exit record on disk, control group removed, `Exited` told.
//! Not a thread per stream as containerd's shims have, because a container is made by copying this process, which
//! must therefore have one thread; and because of what stacks cost.

mod attach;
mod backlog;
mod client;
mod control;
mod foreign;
mod forward;
mod hooked;
mod life;
mod log;
mod output;
mod poller;
mod process;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use errdefs::{Context as _, Result};
use rustix::event::epoll::EventFlags;
use rustix::fs::{Mode, OFlags, open};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use rustix::process::{DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior};

use crate::hooks::{self, RUN_HOOKS};
use crate::launch::{COMPRESS_LOG, CONTROL_FD, LAUNCH_FD, SUPERVISE, WRITE_LOG};
use crate::protocol::{self, Launch};
use crate::record::{self, OtherRuntime, ShimState};
use crate::{Event, StatePaths};
use client::Client;
use control::Control;
use foreign::Other;
use forward::Forwards;
use hooked::RunningHooks;
use log::Log;
use output::Output;
use poller::{Poller, Token, Watched};
use process::Process;

/// What is read at a time, if there is that much: half of what a pipe holds. Each read wakes a process that waits for room
/// in its pipe, and to wake one on another processor of a virtual machine costs as much as copying 64 KiB.
const SCRATCH: usize = 256 * 1024;
/// What is passed on at a time: it stays in the cache, and fits a message to the log's writer.
const CHUNK: usize = 64 * 1024;
/// Buffers above this size are given back when the burst that needed them is over.
const SMALL_BUFFER: usize = 4096;
/// How long a container must be quiet before that.
const QUIET: Duration = Duration::from_millis(200);
/// The container's first process is always in this place.
const INIT: usize = 0;

/// Everything the shim knows.
struct Supervisor {
    id: String,
    state_dir: PathBuf,
    poller: Rc<Poller>,
    children: OwnedFd,
    listener: Watched,
    control: Option<Control>,
    /// Events no daemon has been there to take.
    untold: VecDeque<Event>,
    /// The processes made here; ended ones leave their place when their clients have everything.
    processes: Vec<Option<Process>>,
    clients: Vec<Option<Client>>,
    log: Log,
    /// Where unnamed files go.
    log_directory: Option<PathBuf>,
    cgroup: Option<cgroups::Cgroup>,
    /// The container's mounts, kept until this process ends. The last unmount of an overlay writes back all that its upper
    /// file system has not written yet, other containers' data and this one's log among it (`ovl_sync_fs`), and the end of
    /// a namespace waits for all processors: without this the container's first process would do that while it exits, and
    /// nobody would know of its end for as long as it takes.
    mounts: Option<OwnedFd>,
    /// The runtime that makes the processes, if it is not ours.
    other: Option<Other>,
    /// Where the other runtime was told to make the group, until it is there.
    cgroup_path: Option<String>,
    layout: Option<cgroups::Layout>,
    /// The hooks, until those of the end have run or another process has them.
    hooks: Option<Box<runtime::Hooks>>,
    /// The record of those of the end.
    last_hooks: Option<File>,
    /// Those that are running.
    running_hooks: Option<RunningHooks>,
    oom_watch: Option<cgroups::OomWatch>,
    oom: bool,
    paused: bool,
    /// Told to start, successfully or not yet known.
    started: bool,
    exit: Option<crate::Exit>,
    /// Sessions of the ended container wait for the daemon to hang up, which has recorded the end then; at most until here.
    sessions_end: Option<Instant>,
    /// The shim has nothing left to do when the last client is gone.
    over: bool,
    forwards: Forwards,
    /// Open for as long as the container lives.
    held: Vec<OwnedFd>,
    /// Open for as long as this process lives.
    _lock: OwnedFd,
    scratch: Vec<u8>,
    /// Full reads have been seen since memory was last given back.
    burst: bool,
}

/// Runs what these arguments (without the program's name) ask for, if it is something of the supervisor's; the exit
/// status of the process.
pub fn main(args: &[OsString]) -> Option<i32> {
    let role = args.first()?.to_str()?;
    if role == SUPERVISE {
        Some(run())
    } else if role.as_bytes() == WRITE_LOG.to_bytes() {
        Some(log::run())
    } else if role.as_bytes() == COMPRESS_LOG.to_bytes() {
        Some(log::run_compress())
    } else if role.as_bytes() == RUN_HOOKS.to_bytes() {
        Some(hooks::run())
    } else {
        None
    }
}

/// Runs the supervisor of the container whose launch was inherited; returns the process's exit status.
///
/// There is nobody to show an error to but the daemon, which gets it as the reason why the container was not made.
fn run() -> i32 {
    match Supervisor::begin() {
        Ok(Some(mut supervisor)) => {
            supervisor.run();
            0
        }
        Ok(None) => 0,
        Err(_) => 1,
    }
}

/// The first free place of a table.
fn place_for<T>(table: &mut Vec<Option<T>>) -> usize {
    table.iter().position(Option::is_none).unwrap_or_else(|| {
        table.push(None);
        table.len() - 1
    })
}

impl Supervisor {
    /// Takes the launch over and begins to make the container. `None`: it could not be made, and the daemon knows.
    fn begin() -> Result<Option<Self>> {
        let control = sys::fd::inherited(CONTROL_FD).context(|| "control socket")?;
        let poller = Poller::new()?;
        let mut control = Control::new(&poller, control)?;
        match Self::take_over(&poller) {
            Ok(mut supervisor) => {
                control.greet(&supervisor);
                supervisor.control = Some(control);
                Ok(Some(supervisor))
            }
            Err(error) => {
                control.not_made(error);
                Ok(None)
            }
        }
    }

    fn take_over(poller: &Rc<Poller>) -> Result<Self, runtime::StartError> {
        let launch = sys::fd::inherited(LAUNCH_FD).context(|| "launch")?;
        let launch: Launch = protocol::decode(&protocol::read_memfd(launch)?)?;
        isolate(&launch.state_dir)?;
        Self::make(poller, launch)
    }

    fn make(poller: &Rc<Poller>, launch: Launch) -> Result<Self, runtime::StartError> {
        let netns = launch.netns.map(inherit).transpose()?;
        let userns = launch.userns.map(inherit).transpose()?;
        let held = launch.held.into_iter().map(inherit).collect::<Result<_>>()?;
        let lock = inherit(launch.lock)?;
        let forwards = Forwards::new(poller, launch.forwards)?;
        let attaches = launch.attaches.into_iter().map(|(fd, options)| Ok((inherit(fd)?, options)));
        let attaches = attaches.collect::<Result<Vec<_>>>()?;
        let children = sys::signal::children().context(|| "signals")?;
        poller.add(std::os::fd::AsFd::as_fd(&children), Token::Children, EventFlags::IN)?;
        let mut listener = Watched::new(poller, listening(&launch.state_dir)?, Token::Listener);
        listener.want(Some(EventFlags::IN));
        let log = Log::open(&launch.log)?;
        // Before there is anything to be found again.
        let cgroup = launch.plan.cgroup.as_ref().map(|cgroup| cgroup.path.clone());
        let runtime = launch.foreign.as_ref().map(|how| OtherRuntime {
            program: how.program.clone(),
            args: how.args.clone(),
            id: launch.id.clone(),
        });
        record::write_state(&launch.state_dir, &ShimState { cgroup, runtime })?;
        record::reserve_exit(&launch.state_dir)?;
        let other = launch.foreign.map(|how| Other::new(how, launch.id.clone(), launch.state_dir.clone()));
        // Another runtime runs them itself.
        let own_hooks = launch.plan.hooks.as_deref().filter(|_| other.is_none());
        let mut supervisor = Self {
            id: launch.id,
            log_directory: launch.log.path.parent().filter(|p| !p.as_os_str().is_empty()).map(Path::to_owned),
            poller: poller.clone(),
            children,
            listener,
            control: None,
            untold: VecDeque::new(),
            processes: Vec::new(),
            clients: Vec::new(),
            log,
            cgroup: None,
            mounts: None,
            other,
            cgroup_path: None,
            layout: None,
            hooks: None,
            last_hooks: hooks::record(&launch.state_dir, own_hooks)?,
            running_hooks: None,
            oom_watch: None,
            oom: false,
            paused: false,
            started: false,
            exit: None,
            sessions_end: None,
            over: false,
            forwards,
            held,
            _lock: lock,
            scratch: vec![0; SCRATCH],
            burst: false,
            state_dir: launch.state_dir,
        };
        if let Err(error) = supervisor.create(&launch.plan, launch.stdio, netns, userns) {
            // They need nothing of this process, which ends now.
            let _ = supervisor.begin_last_hooks();
            return Err(error);
        }
        for (socket, options) in attaches {
            supervisor.attach(INIT, socket, &options);
        }
        Ok(supervisor)
    }

    /// Waits and acts until there is nothing left to do.
    fn run(&mut self) {
        loop {
            let deadline = self.deadlines();
            if self.over && self.clients.iter().all(Option::is_none) {
                break;
            }
            let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let quiet = self.burst.then_some(QUIET);
            let ready = self.poller.wait(timeout.into_iter().chain(quiet).min());
            if ready.is_empty() && self.burst {
                self.give_back();
            }
            for (token, flags) in ready {
                self.act(token, flags);
            }
        }
        if let Some(control) = &mut self.control {
            control.flush();
        }
    }

    fn act(&mut self, token: Token, flags: EventFlags) {
        match token {
            Token::Children => self.reap(),
            Token::Listener => self.accept(),
            Token::Control => self.control_ready(flags),
            Token::Oom => self.oom_ready(),
            Token::Stage(place) => self.advance(place),
            Token::Stdin(place) => self.input_ready(place),
            Token::Stdout(place) => self.output_ready(place, Output::Stdout),
            Token::Stderr(place) => self.output_ready(place, Output::Stderr),
            Token::Console(place) => {
                if flags.contains(EventFlags::OUT) {
                    self.input_ready(place);
                }
                self.output_ready(place, Output::Console);
            }
            Token::Client(place) => self.client_ready(place, flags),
            Token::Forward(place) => self.forwards.ready(place, flags),
        }
    }

    /// Does what is due; when to wake up for the next of it.
    fn deadlines(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let next = [
            self.cut_stalled(now),
            self.close_late_clients(now),
            self.end_drained(now),
            self.end_sessions(now),
            self.forwards.expire(now),
            self.leave_hooks(now),
            self.hurry_commands(now),
        ];
        next.into_iter().flatten().min()
    }

    /// The burst is over: gives its memory back.
    fn give_back(&mut self) {
        self.burst = false;
        self.log.trim();
        // Untouched pages of a new buffer take no memory.
        self.scratch = Vec::new();
        self.scratch = vec![0; SCRATCH];
    }
}

/// Takes this process out of reach of its surroundings.
fn isolate(state_dir: &Path) -> Result<()> {
    // What was executed has no path to take a name from: older kernels show the number of a descriptor.
    rustix::thread::set_name(c"hythe-shim").context(|| "PR_SET_NAME")?;
    // Nothing in the container may ptrace it or read its memory (CVE-2016-9962).
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context(|| "PR_SET_DUMPABLE")?;
    // What the container's processes leave behind comes to us.
    set_child_subreaper(Some(getpid())).context(|| "PR_SET_CHILD_SUBREAPER")?;
    sys::signal::block_all();
    sys::signal::keep_defaults();
    std::env::set_current_dir("/").context(|| "chdir /")?;
    std::fs::metadata(state_dir).context(|| format!("stat {}", state_dir.display())).map(drop)
}

/// A descriptor that the launch says we have.
fn inherit(number: i32) -> Result<OwnedFd> {
    sys::fd::inherited(number).context(|| "inherit")
}

/// The socket a new daemon finds us by. Bound through the directory's descriptor, because a socket's path is limited to
/// 108 bytes.
fn listening(state_dir: &Path) -> Result<OwnedFd> {
    let what = || format!("listen in {}", state_dir.display());
    let directory =
        open(state_dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).context(what)?;
    let path = format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), StatePaths::SOCKET);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).context(what)?;
    let umask = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = SocketAddrUnix::new(path.as_str()).and_then(|address| bind(&socket, &address));
    rustix::process::umask(umask);
    bound.context(what)?;
    listen(&socket, 8).context(what)?;
    Ok(socket)
}
