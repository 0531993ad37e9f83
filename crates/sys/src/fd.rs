//! Descriptors: marking a range close-on-exec, moving given ones to fixed numbers, sealing files in memory.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::fs::{SealFlags, fcntl_add_seals};
use rustix::io::Errno;

use crate::{CallError, Result, check};

/// How often a seal is tried. Each attempt waits up to 150 ms in the kernel.
const SEAL_ATTEMPTS: u32 = 40;

/// Seals a file in memory (`memfd_create(2)`): nobody can change what is in it, its length, or the seals.
///
/// # Errors
/// As `F_ADD_SEALS` of fcntl(2). `EBUSY` only if somebody has it mapped writably, or after many attempts: the kernel also
/// answers it while it holds one of the pages itself for a moment (reclaim, compaction).
pub fn seal(file: impl AsFd) -> std::result::Result<(), Errno> {
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    for _ in 1..SEAL_ATTEMPTS {
        match fcntl_add_seals(&file, seals) {
            Err(Errno::BUSY) => {}
            other => return other,
        }
    }
    fcntl_add_seals(&file, seals)
}

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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rustix::fs::{MemfdFlags, memfd_create};

    #[test]
    fn a_sealed_file_takes_no_more() {
        let memfd = memfd_create(c"sealed", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        let mut file = std::fs::File::from(memfd);
        file.write_all(b"kept").unwrap();
        super::seal(&file).unwrap();
        assert_eq!(file.write(b"x").unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        assert!(file.set_len(0).is_err() && file.set_len(9).is_err());
        assert_eq!(super::seal(&file), Err(rustix::io::Errno::PERM));
    }
}
