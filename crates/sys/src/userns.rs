//! Making a user namespace, with other namespaces that belong to it, from a process with any number of threads.
//!
//! Only a process with one thread may enter a user namespace, and no process can come back from one. So one is made by
//! a child that does nothing but live in it until its namespaces are held by descriptors. The child shares this
//! process's memory (a copy would cost more the larger the caller is) and makes two calls in it that touch none.

use std::ffi::c_void;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions};

use crate::clone;
use crate::fork::NewNamespaces;
use crate::{CallError, Result};

/// Room for the child's one frame.
const STACK_BYTES: usize = 16 * 1024;

/// A process that keeps new namespaces alive. It ends with this value, or with the thread that made it.
#[derive(Debug)]
pub struct Keeper {
    pid: Pid,
    pidfd: OwnedFd,
    /// The child runs on it until it is reaped.
    _stack: Vec<u128>,
}

impl Keeper {
    /// Starts a process in a new user namespace and in the `others`, which belong to it.
    ///
    /// # Errors
    /// `clone` (`ENOSPC` at the limit of user namespaces, `EPERM` if they are forbidden).
    pub fn start(others: NewNamespaces) -> Result<Self> {
        let mut stack = vec![0_u128; STACK_BYTES / size_of::<u128>()];
        let flags = others.with(NewNamespaces::USER).bits() as libc::c_int;
        let maker = std::process::id() as usize as *mut c_void;
        // SAFETY: the stack is freed only after the child has been reaped (see `drop`), and the child touches no memory but
        // its stack.
        let cloned = unsafe { clone::on_stack(&mut stack, live, maker, flags) };
        let (pid, pidfd) = cloned.map_err(|errno| CallError::new("clone", "user namespace", errno))?;
        Ok(Self { pid, pidfd, _stack: stack })
    }

    /// Says which ids the namespace has: the text for its `uid_map` and `gid_map`.
    ///
    /// # Errors
    /// `write`; `EINVAL` for overlapping or too many ranges, `EPERM` without the right to use these ids.
    pub fn map(&self, uids: &str, gids: &str) -> Result<()> {
        for (name, text) in [("uid_map", uids), ("gid_map", gids)] {
            let path = format!("/proc/{}/{name}", self.pid.as_raw_nonzero());
            std::fs::write(&path, text).map_err(|error| failure("write", path, &error))?;
        }
        Ok(())
    }

    /// A descriptor that keeps one of its namespaces alive, e.g. `user` or `net`.
    ///
    /// # Errors
    /// `open`.
    pub fn namespace(&self, name: &str) -> Result<OwnedFd> {
        let path = format!("/proc/{}/ns/{name}", self.pid.as_raw_nonzero());
        File::open(&path).map(OwnedFd::from).map_err(|error| failure("open", path, &error))
    }
}

fn failure(call: &'static str, object: String, error: &std::io::Error) -> CallError {
    CallError::new(call, object, Errno::from_io_error(error).unwrap_or(Errno::IO))
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = crate::signal::send(&self.pidfd, libc::SIGKILL);
        let wait = || rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        // Interrupted is the one failure: it is our child, and nobody else knows it.
        while matches!(wait(), Err(Errno::INTR)) {}
    }
}

/// The child: lives until it is killed, by its maker or with its maker.
extern "C" fn live(maker: *mut c_void) -> libc::c_int {
    // SAFETY: calls of numbers only. With every signal blocked `ppoll` never returns, so neither call writes the error
    // number, which the child shares with its maker's thread; `prctl` with these arguments cannot fail.
    unsafe {
        libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        // It may have died before that: then this is somebody else's child now.
        if libc::syscall(libc::SYS_getppid) == maker as libc::c_long {
            libc::syscall(libc::SYS_ppoll, 0, 0, 0, 0, 0);
        }
        libc::syscall(libc::SYS_exit_group, 0);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_outlives_the_process_that_made_it() {
        let keeper = Keeper::start(NewNamespaces::NETWORK).unwrap();
        let path = format!("/proc/{}", keeper.pid.as_raw_nonzero());
        keeper.map("0 100000 65536\n", "0 200000 1000\n1000 300000 5\n").unwrap();
        let text = std::fs::read_to_string(format!("{path}/gid_map")).unwrap();
        let fields: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(fields, ["0", "200000", "1000", "1000", "300000", "5"]);
        let (user, network) = (keeper.namespace("user").unwrap(), keeper.namespace("net").unwrap());
        drop(keeper);
        assert!(!std::path::Path::new(&path).exists(), "nobody is left");
        let inode = |fd: &OwnedFd| rustix::fs::fstat(fd).unwrap().st_ino;
        let own = |name: &str| File::open(format!("/proc/self/ns/{name}")).unwrap().into();
        assert_ne!(inode(&user), inode(&own("user")));
        assert_ne!(inode(&network), inode(&own("net")));
    }

    #[test]
    fn the_kernels_refusal_names_the_file() {
        let keeper = Keeper::start(NewNamespaces::empty()).unwrap();
        let error = keeper.map("0 1 2\n1 5 2\n", "0 1 1\n").unwrap_err();
        assert_eq!(error.errno(), Errno::INVAL);
        assert!(error.to_string().contains("uid_map"), "{error}");
    }
}
