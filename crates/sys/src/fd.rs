//! Descriptors wholesale: marking a range close-on-exec, and moving given ones to fixed numbers.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

use crate::{CallError, Result, check};

/// Marks every descriptor from `first` on close-on-exec.
///
/// # Errors
/// `close_range` (Linux 5.11 for this flag).
pub fn close_on_exec_from(first: u32) -> Result<()> {
    // SAFETY: changes only flags of descriptors; no memory is involved.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    check(result, "close_range", "").map(drop)
}

/// Makes `fd` the process's descriptor `target`, open across `execve`. What was at `target` is closed.
///
/// Meant for a process about to `execve`: nothing in it may own `target`.
///
/// # Errors
/// `dup2`.
pub fn place(fd: impl AsFd, target: RawFd) -> Result<()> {
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: `fd` is open; the caller gives up whatever `target` was.
    let result =
        unsafe { if fd == target { libc::fcntl(fd, libc::F_SETFD, 0) } else { libc::dup2(fd, target) } };
    check(libc::c_long::from(result), "dup2", "").map(drop)
}

/// Takes over a descriptor the parent left open for us at a number agreed on, close-on-exec from now on.
///
/// # Errors
/// `EBADF` if nothing is open there. Ask once for a number: the answer is the one owner.
pub fn inherited(number: RawFd) -> Result<OwnedFd> {
    if number < 0 {
        return Err(CallError::new("fcntl", number.to_string(), Errno::BADF));
    }
    // SAFETY: F_SETFD on a number is harmless whatever is open there, and fails if nothing is.
    let result = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    check(libc::c_long::from(result), "fcntl", &number.to_string())?;
    // SAFETY: it is open, and by this function's contract nobody else in the process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
