//! `clone3` used as `fork`: a copy of this process, in new namespaces and in a control group from its first instruction.
//!
//! Invariant: only a process with one thread may call this. The child is a copy of the calling thread alone, so a lock
//! that another thread holds (the allocator's, say) would stay locked in it for ever. The shim has one thread; the
//! command line has one thread; the daemon never forks, see [`crate::spawn`].

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::Pid;

use crate::{CallError, Result};

/// Which namespaces the child gets anew, as the kernel's `CLONE_NEW*` bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewNamespaces(u64);

impl NewNamespaces {
    /// Mounts.
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS as u64);
    /// Process ids.
    pub const PID: Self = Self(libc::CLONE_NEWPID as u64);
    /// Network.
    pub const NETWORK: Self = Self(libc::CLONE_NEWNET as u64);
    /// Host name.
    pub const UTS: Self = Self(libc::CLONE_NEWUTS as u64);
    /// System V IPC and POSIX message queues.
    pub const IPC: Self = Self(libc::CLONE_NEWIPC as u64);
    /// Control groups.
    pub const CGROUP: Self = Self(libc::CLONE_NEWCGROUP as u64);
    /// User ids.
    pub const USER: Self = Self(libc::CLONE_NEWUSER as u64);

    /// None.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Which of the two processes goes on here.
#[derive(Debug)]
pub enum Forked {
    /// The new process. It must end in `execve` or [`exit_now`], never return into the caller's callers.
    Child,
    /// The old one.
    Parent {
        /// The child, as this process's PID namespace numbers it.
        pid: Pid,
        /// The child's descriptor: readable once it has exited.
        pidfd: OwnedFd,
    },
}

/// Copies this process. `cgroup` is a directory of a cgroup v2 tree the child starts in.
///
/// # Errors
/// `clone3`, with the kernel's reasons (`EAGAIN` at a limit of processes, `ENOMEM` in a dead PID namespace...).
pub fn clone3(namespaces: NewNamespaces, cgroup: Option<BorrowedFd<'_>>) -> Result<Forked> {
    copy(namespaces.0, cgroup, libc::SIGCHLD)
}

/// Copies this process; the new one is the child of this one's parent, which is the one to wait for it.
///
/// # Errors
/// As [`clone3`].
pub fn clone3_sibling(namespaces: NewNamespaces) -> Result<Forked> {
    // The signal at its end is the one that this process ends with; the kernel takes no other.
    copy(namespaces.0 | libc::CLONE_PARENT as u64, None, 0)
}

fn copy(flags: u64, cgroup: Option<BorrowedFd<'_>>, exit_signal: libc::c_int) -> Result<Forked> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let mut pidfd: libc::c_int = -1;
    let mut flags = flags | libc::CLONE_PIDFD as u64;
    if cgroup.is_some() {
        flags |= CLONE_INTO_CGROUP;
    }
    // SAFETY: an all-zero `clone_args` is the valid "fork" request; only the fields below change that.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags;
    args.pidfd = std::ptr::from_mut(&mut pidfd) as u64;
    args.exit_signal = exit_signal as u64;
    args.cgroup = cgroup.map_or(0, |fd| fd.as_raw_fd() as u64);
    // SAFETY: `args` outlives the call and its size is passed; without CLONE_VM the child runs on a copy of this stack.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match pid {
        0 => Ok(Forked::Child),
        1.. => {
            // SAFETY: the kernel stored a new descriptor there, nobody else owns it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = Pid::from_raw(pid as i32).ok_or_else(|| CallError::last("clone3", ""))?;
            Ok(Forked::Parent { pid, pidfd })
        }
        _ => Err(CallError::last("clone3", "")),
    }
}

/// Copies this process in the plain way, for where a filter forbids `clone3` (its arguments cannot be filtered).
///
/// # Errors
/// `fork`.
pub fn fork() -> Result<Option<Pid>> {
    // SAFETY: by this module's contract the process has one thread, so the child's copy of memory is consistent.
    let pid = unsafe { libc::fork() };
    crate::check(libc::c_long::from(pid), "fork", "").map(|pid| Pid::from_raw(pid as i32))
}

/// Ends the process at once: no destructors, no exit handlers, no flushing of buffers copied from the parent.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` does not return and touches no memory of ours.
    unsafe { libc::_exit(status) }
}

/// Moves this process into new namespaces of its own (not PID: that is for children).
///
/// # Errors
/// `unshare`.
pub fn unshare(namespaces: NewNamespaces) -> Result<()> {
    // SAFETY: namespaces are not shared memory or descriptor tables; only a number is passed.
    let result = unsafe { libc::unshare(namespaces.0 as libc::c_int) };
    crate::check(libc::c_long::from(result), "unshare", "").map(drop)
}
