//! Finding the shims that an earlier daemon started.
//!
//! One that does not answer (stopped, or on a machine that is too busy) is found all the same: its word is waited for a
//! while, and taken when it comes.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use errdefs::{Context as _, Result, system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, shutdown, socket_with, sockopt,
};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::handle::{Handle, Shim};
use crate::protocol::{self, Greeting, Message, PACKET_MAX, Received};
use crate::reactor::Reactor;
use crate::{ContainerId, Exit, StatePaths, hooks, record};

/// How long a shim's first word is waited for.
const HELLO_TIMEOUT: Timespec = Timespec { tv_sec: 3, tv_nsec: 0 };

/// What became of a container while no daemon was there.
#[derive(Debug)]
pub enum Adopted {
    /// It is there. Events that happened meanwhile arrive on the channel once it is followed ([`Launcher::follow`]), `Exited`
    /// too if it ends in this moment.
    ///
    /// [`Launcher::follow`]: crate::Launcher::follow
    Running(Handle),
    /// It has ended so; no event is sent.
    Exited(Exit),
    /// Nothing was ever made here, or nothing is left to tell.
    Gone,
}

pub(crate) fn adopt(reactor: &Reactor, id: ContainerId, state_dir: &Path, init: i32) -> Result<Adopted> {
    if let Some(exit) = record::read_exit(state_dir)? {
        hooks::finish(state_dir, reactor.exe());
        return Ok(Adopted::Exited(exit));
    }
    let Some(socket) = dial(state_dir).context(|| format!("connect to the shim of container {id}"))? else {
        return without_shim(reactor, &id, state_dir);
    };
    let peer = sockopt::socket_peercred(&socket).context(|| "SO_PEERCRED")?;
    if !peer.uid.is_root() && peer.uid != rustix::process::geteuid() {
        return Err(system(format!(
            "the shim socket of container {id} belongs to user {}",
            peer.uid.as_raw()
        )));
    }
    let pidfd = pidfd_open(peer.pid, PidfdFlags::empty()).context(|| "pidfd_open")?;
    let shim = Shim::new(id, state_dir.to_owned(), socket, peer.pid, pidfd);
    match hello(&shim, reactor.exe())? {
        Said::Hello => {}
        Said::Nothing => shim.change(|state| {
            state.created = (init > 0).then_some(Ok(init));
            state.silent = true;
        }),
        Said::OtherVersion(spoken) => {
            shim.change(|state| state.created = Some(Ok(init)));
            mute(&shim, spoken);
        }
        Said::Exit(exit) => return Ok(Adopted::Exited(exit)),
    }
    Ok(Adopted::Running(Handle::new(shim)))
}

/// It speaks another version: it gets along without a daemon, and would only wait for this one to listen.
pub(crate) fn mute(shim: &Shim, spoken: u32) {
    let _ = shutdown(&shim.socket, Shutdown::Both);
    shim.change(|state| state.other_version = Some(spoken));
}

/// What there is to tell if nobody listens.
fn without_shim(reactor: &Reactor, id: &str, state_dir: &Path) -> Result<Adopted> {
    if !state_dir.exists() {
        return Ok(Adopted::Gone);
    }
    // One that was begun with just now does not listen yet, and ends because its daemon is gone.
    if !record::wait_abandoned(state_dir)? {
        return Err(system(format!("the shim of container {id} neither listens nor ends")));
    }
    // It may have ended, and written its record, since we looked.
    if record::read_exit(state_dir)?.is_some() || record::read_state(state_dir)?.is_some() {
        return Ok(Adopted::Exited(record::bury(state_dir, reactor.exe())));
    }
    Ok(Adopted::Gone)
}

/// Connects to the shim; `None` if nobody listens. Through the directory's descriptor, because a socket's path is
/// limited to 108 bytes.
fn dial(state_dir: &Path) -> std::io::Result<Option<OwnedFd>> {
    let directory = match open(state_dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let address = SocketAddrUnix::new(
        format!("/proc/self/fd/{}/{}", directory.as_raw_fd(), StatePaths::SOCKET).as_str(),
    )?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    match connect(&socket, &address) {
        Ok(()) => {
            rustix::io::ioctl_fionbio(&socket, true)?;
            Ok(Some(socket))
        }
        Err(Errno::NOENT | Errno::CONNREFUSED) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a shim says first.
enum Said {
    /// Nothing yet.
    Nothing,
    /// It is there.
    Hello,
    /// It is there, and its protocol is another.
    OtherVersion(u32),
    /// Its container has ended.
    Exit(Exit),
}

/// Waits for the shim's first message.
fn hello(shim: &Shim, exe: BorrowedFd<'_>) -> Result<Said> {
    let mut fds = [PollFd::new(&shim.socket, PollFlags::IN)];
    if poll(&mut fds, Some(&HELLO_TIMEOUT)).context(|| "poll")? == 0 {
        return Ok(Said::Nothing);
    }
    let mut buffer = vec![0; PACKET_MAX];
    match protocol::greeting(shim.socket.as_fd(), &mut buffer)? {
        Received::Message(Greeting::Other(spoken), _) => Ok(Said::OtherVersion(spoken)),
        Received::Message(Greeting::Ours(Message::Hello { created, exited, execs, .. }), _) => {
            shim.change(|state| {
                state.created = created;
                state.execs = execs;
            });
            Ok(exited.map_or(Said::Hello, Said::Exit))
        }
        // It ended in this moment; the record says how.
        Received::Closed => Ok(Said::Exit(record::bury(&shim.state_dir, exe))),
        _ => Err(system(format!("the shim of container {} does not say hello", shim.id))),
    }
}
