//! What the two sides of a start say to each other, over one pair of packet sockets.
//!
//! child: `Prepared` (with its terminal) or `Failed`; after `Execute`, its end closes by `execve` itself, or `Failed`.
//! parent: `CgroupReady` once the groups are complete, `Execute` when the program may run. Either side's death closes its
//! end, which ends the other's wait: nobody waits for ever.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::outcome::StartError;

/// What the child says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromChild {
    /// Everything is set up and the program was found. The terminal's master end comes along if there is one.
    Prepared {
        /// What was left out.
        warnings: Vec<String>,
    },
    /// Namespaces and root are made: the hooks that run outside are due, and it waits for them.
    HooksDue,
    /// It is not going to run, and is exiting.
    Failed(StartError),
}

/// What the parent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FromParent {
    /// The process is in its control groups and they have their limits.
    CgroupReady = b'c',
    /// The hooks have run.
    HooksDone = b'h',
    /// The program may be executed.
    Execute = b'x',
}

/// Longest packet; only a message with a very long file name comes near.
const MAX_PACKET: usize = 64 * 1024;

/// The child's end.
#[derive(Debug)]
pub(crate) struct ChildEnd {
    socket: OwnedFd,
    cgroup_ready: bool,
}

/// The parent's end.
#[derive(Debug)]
pub(crate) struct ParentEnd(OwnedFd);

/// Both ends.
pub(crate) fn pair() -> sys::Result<(ParentEnd, ChildEnd)> {
    let (parent, child) = sys::socket::packet_pair()?;
    Ok((ParentEnd(parent), ChildEnd { socket: child, cgroup_ready: false }))
}

impl ChildEnd {
    /// Waits on a listening socket for somebody to start this process.
    pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<Self, StartError> {
        use rustix::net::{SocketFlags, accept_with};
        let socket = rustix::io::retry_on_intr(|| accept_with(listener, SocketFlags::CLOEXEC))
            .map_err(|errno| crate::outcome::failed("accept", errno))?;
        Ok(Self { socket, cgroup_ready: true })
    }

    /// Waits until the control groups are complete.
    pub(crate) fn wait_for_cgroup(&mut self) -> Result<(), StartError> {
        if !self.cgroup_ready {
            self.expect(FromParent::CgroupReady)?;
            self.cgroup_ready = true;
        }
        Ok(())
    }

    /// Has the hooks run that are the parent's, and waits for their end.
    pub(crate) fn wait_for_hooks(&self) -> Result<(), StartError> {
        self.tell(&FromChild::HooksDue, None);
        self.expect(FromParent::HooksDone)
    }

    /// Waits for leave to execute.
    pub(crate) fn wait_for_execute(&self) -> Result<(), StartError> {
        self.expect(FromParent::Execute)
    }

    fn expect(&self, wanted: FromParent) -> Result<(), StartError> {
        let mut byte = [0; 1];
        // A plain read: the filter in force by now knows it, whatever it forbids.
        let count = rustix::io::retry_on_intr(|| rustix::io::read(&self.socket, &mut byte));
        match count {
            Ok(1) if byte[0] == wanted as u8 => Ok(()),
            _ => Err(StartError::other("the process that made this container has gone away")),
        }
    }

    /// Tells the parent; if it is gone there is nobody to tell.
    pub(crate) fn tell(&self, message: &FromChild, console: Option<BorrowedFd<'_>>) {
        let Ok(bytes) = postcard::to_stdvec(message) else { return };
        let _ = match console {
            Some(fd) => sys::socket::send(&self.socket, &bytes, &[fd]).map(drop),
            // `write` instead of `sendmsg`: sure to be allowed by any filter that lets a program print.
            None => rustix::io::write(&self.socket, &bytes)
                .map(drop)
                .map_err(|errno| sys::CallError::new("write", "", errno)),
        };
    }
}

impl ParentEnd {
    /// The end of a connection to a process that waits on a socket.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Tells the child. An error means it is gone, which its own end will tell better.
    pub(crate) fn tell(&self, message: FromParent) {
        let _ = sys::socket::send(&self.0, &[message as u8], &[]);
    }

    /// What the child says next; `None` if it closed its end.
    pub(crate) fn receive(&self) -> sys::Result<Option<(FromChild, Option<OwnedFd>)>> {
        let len = match sys::socket::next_len(&self.0) {
            // The child is gone and left a message of ours unread. The kernel tells that first, and what the child said
            // last only when asked again.
            Err(error) if error.errno() == Errno::CONNRESET => sys::socket::next_len(&self.0)?,
            other => other?,
        };
        let mut buffer = vec![0; len.min(MAX_PACKET)];
        let (count, fds) = sys::socket::receive(&self.0, &mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        let message = postcard::from_bytes(&buffer[..count])
            .map_err(|_| sys::CallError::new("recvmsg", "container init", Errno::BADMSG))?;
        Ok(Some((message, fds.into_iter().next())))
    }

    /// Whether [`ParentEnd::receive`] would not wait.
    pub(crate) fn is_readable(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
