//! A child on this process's own memory: what [`crate::spawn`] and [`crate::userns`] are made of.

use std::ffi::c_void;
use std::os::fd::{FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::Pid;

/// Starts `entry` with `argument` in a child that shares this memory, on `stack`. It is born with every signal blocked, so that
/// no handler of ours ever runs in it; it has copies of the descriptor table and of the handlers.
///
/// # Errors
/// The kernel's, for `clone`.
///
/// # Safety
/// The stack must be unused until the child has executed a program or been reaped. `entry` must make system calls only, touch
/// no memory but what is meant for it, and never return into code that allocates, locks or unwinds.
pub(crate) unsafe fn on_stack(
    stack: &mut [u128],
    entry: extern "C" fn(*mut c_void) -> libc::c_int,
    argument: *mut c_void,
    flags: libc::c_int,
) -> Result<(Pid, OwnedFd), Errno> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: sigset_t is plain data.
    let (mut all, mut old): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: both sets live on this stack.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut old);
    }
    // SAFETY: the child's stack is ours, aligned to 16 bytes and, as the caller promises, its own; so is what it does.
    let pid = unsafe {
        libc::clone(
            entry,
            stack.as_mut_ptr().add(stack.len()).cast(),
            libc::CLONE_VM | libc::CLONE_PIDFD | libc::SIGCHLD | flags,
            argument,
            &raw mut pidfd,
        )
    };
    let failed = std::io::Error::last_os_error();
    // SAFETY: restores the mask saved above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut()) };
    let pid = Pid::from_raw(pid.max(0)).ok_or_else(|| Errno::from_io_error(&failed).unwrap_or(Errno::IO))?;
    // SAFETY: the kernel stored a new descriptor there, nobody else owns it.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}
