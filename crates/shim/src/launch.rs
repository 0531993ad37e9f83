//! Starting shims: from a sealed copy of the program, without copying the daemon.
//!
//! The copy is made once per daemon. Containers' processes descend from it, so what `/proc/self/exe` shows them in the
//! moments when that can be seen is a memfd nobody can write to, not the installed program (CVE-2019-5736).

use std::ffi::CString;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use errdefs::{Context as _, Result, system};
use serde::{Deserialize, Serialize};

use crate::handle::{Handle, Shim};
use crate::protocol::{self, Launch};
use crate::reactor::Reactor;
use crate::{AttachOptions, ContainerId, Event, Stdio, adopt, record};

/// The number under which a shim finds its control socket; 0 to 2 are `/dev/null`.
pub(crate) const CONTROL_FD: i32 = 3;
/// The number under which a shim finds its [`Launch`].
pub(crate) const LAUNCH_FD: i32 = 4;
/// The first of the other descriptors.
const FIRST_FD: i32 = 5;
/// The argument that makes the program the writer of a log in non-blocking mode.
pub(crate) const WRITE_LOG: &std::ffi::CStr = c"write-log";
/// The argument that makes the program compress rotated files of a log.
pub(crate) const COMPRESS_LOG: &std::ffi::CStr = c"compress-log";
/// The argument that makes the program a supervisor.
pub(crate) const SUPERVISE: &str = "supervise";

/// Longer than anybody waits.
const UNLIMITED: Duration = Duration::from_secs(365 * 86_400);

/// What a forwarder relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortProtocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A port the shim relays itself, because the firewall cannot (`[::]` to an IPv4 container, say).
#[derive(Debug)]
pub struct Forward {
    /// A listening (TCP) or bound (UDP) socket.
    pub listener: OwnedFd,
    /// What it carries.
    pub protocol: PortProtocol,
    /// Where to: an address of the container, reachable from the host's network namespace.
    pub target: SocketAddr,
}

/// Another OCI runtime that is to make the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// Its program.
    pub program: PathBuf,
    /// What to pass it before any verb.
    pub args: Vec<String>,
    /// The spec (`config.json`) without the root's path and the user, which are known when the root is mounted.
    pub spec: String,
}

/// A container to be made.
#[derive(Debug)]
pub struct LaunchRequest {
    /// Its id.
    pub id: ContainerId,
    /// A directory of its own, 0700, empty; the caller removes it when the container's end has been recorded.
    pub state_dir: PathBuf,
    /// What it is.
    pub plan: runtime::Plan,
    /// What makes it, if it is not the built-in runtime.
    pub foreign: Option<Foreign>,
    /// Its network namespace, if the plan says that one is given.
    pub netns: Option<OwnedFd>,
    /// Its user namespace, likewise.
    pub userns: Option<OwnedFd>,
    /// Its input.
    pub stdio: Stdio,
    /// Its log.
    pub log: logs::WriterConfig,
    /// Sockets that only have to stay open for as long as it lives: they reserve its published ports.
    pub held: Vec<OwnedFd>,
    /// Ports to relay.
    pub forwards: Vec<Forward>,
    /// Clients that are attached already; they get every byte.
    pub attaches: Vec<(OwnedFd, AttachOptions)>,
}

/// Starts and adopts shims. One per daemon; shared by its threads.
#[derive(Debug)]
pub struct Launcher {
    exe: OwnedFd,
    null: OwnedFd,
    reactor: Arc<Reactor>,
}

impl Launcher {
    /// Copies the program at `exe` into sealed memory and starts the thread that listens to shims; what they tell goes
    /// to `events`.
    ///
    /// # Errors
    /// `System` if the program cannot be read or memory or the thread cannot be had.
    pub fn new(exe: &Path, events: Sender<(ContainerId, Event)>) -> Result<Self> {
        let null = File::options().read(true).write(true).open("/dev/null").context(|| "open /dev/null")?;
        let exe = runtime::seal::copy(exe).context(|| format!("copy {}", exe.display()))?;
        let own = exe.try_clone().context(|| "dup")?;
        Ok(Self { exe, null: null.into(), reactor: Reactor::start(events, own)? })
    }

    /// Starts a shim, which makes the container at once; [`Handle::wait_created`] tells how that went.
    ///
    /// # Errors
    /// `System` if the shim cannot be started. Nothing is left behind then.
    pub fn launch(&self, request: LaunchRequest) -> Result<Handle> {
        let lock = record::lock(&request.state_dir)?.ok_or_else(|| {
            errdefs::conflict(format!("an earlier run of container {} has not ended yet", request.id))
        })?;
        let (ours, theirs) = sys::socket::packet_pair().context(|| "control socket")?;
        rustix::io::ioctl_fionbio(&ours, true).context(|| "control socket")?;
        let mut fds = Numbers { next: FIRST_FD, fds: Vec::new() };
        let launch = Launch {
            id: request.id.to_string(),
            state_dir: request.state_dir.clone(),
            plan: request.plan,
            foreign: request.foreign,
            stdio: request.stdio,
            log: request.log,
            netns: request.netns.map(|fd| fds.take(fd)),
            userns: request.userns.map(|fd| fds.take(fd)),
            held: request.held.into_iter().map(|fd| fds.take(fd)).collect(),
            forwards: request
                .forwards
                .into_iter()
                .map(|f| (fds.take(f.listener), f.protocol, f.target))
                .collect(),
            attaches: request.attaches.into_iter().map(|(fd, options)| (fds.take(fd), options)).collect(),
            lock: fds.take(lock),
        };
        let bytes = postcard::to_stdvec(&launch).context(|| "encode launch")?;
        let hooks = patience_for(launch.plan.hooks.as_deref());
        let plan = protocol::memfd(c"hythe-launch", &bytes)?;
        let null = self.null.as_fd();
        let mut all: Vec<BorrowedFd<'_>> = vec![null, null, null, theirs.as_fd(), plan.as_fd()];
        all.extend(fds.fds.iter().map(AsFd::as_fd));
        let program = sys::spawn::Program {
            file: self.exe.as_fd(),
            args: vec![c"hythe-shim".into(), c_string(SUPERVISE)?, c_string(&request.id)?],
            env: Vec::new(),
            fds: &all,
            new_session: true,
        };
        let (pid, pidfd) = sys::spawn::spawn(&program).context(|| "start shim")?;
        let shim = Shim::new(request.id, request.state_dir, ours, pid, pidfd);
        shim.change(|state| state.hooks = hooks);
        self.reactor.add(&shim)?;
        Ok(Handle::new(shim))
    }

    /// Finds out what became of a container whose shim an earlier daemon started in `state_dir`. `init` is what is known
    /// of its first process's id (0: nothing). Takes seconds if the shim does not answer, or is to be cleaned up after.
    ///
    /// # Errors
    /// `System` if the directory cannot be read, or if there is a shim that can be neither asked nor waited for.
    pub fn adopt(&self, id: ContainerId, state_dir: &Path, init: i32) -> Result<adopt::Adopted> {
        adopt::adopt(&self.reactor, id, state_dir, init)
    }

    /// Begins to listen to an adopted shim.
    ///
    /// # Errors
    /// `System` if that cannot be.
    pub fn follow(&self, handle: &Handle) -> Result<()> {
        handle.followed_by(&self.reactor)
    }
}

/// How long the hooks of a start may take. One without a limit may take as long as it likes, as with any runtime; whoever
/// does not want to wait for it ends it.
fn patience_for(hooks: Option<&runtime::Hooks>) -> Duration {
    let before = hooks.into_iter().flat_map(|hooks| &hooks.lists[..runtime::hooks::Point::Poststop as usize]);
    let limits = before.flatten().map(|hook| hook.timeout.map(|seconds| Duration::from_secs(seconds.into())));
    limits.sum::<Option<Duration>>().unwrap_or(UNLIMITED)
}

/// Collects descriptors to pass on, numbered as the shim will see them.
struct Numbers {
    next: i32,
    fds: Vec<OwnedFd>,
}

impl Numbers {
    fn take(&mut self, fd: OwnedFd) -> i32 {
        let number = self.next;
        self.next += 1;
        self.fds.push(fd);
        number
    }
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| system("a null byte in an argument"))
}
