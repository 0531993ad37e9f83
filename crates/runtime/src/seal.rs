//! Copies of a program in memory that nobody can change: a container that gets hold of the program that made it cannot
//! write to the file it came from (CVE-2019-5736).
//!
//! Not a read-only bind of the file: that costs a mount namespace, and protects one file only as long as no one finds
//! another way to it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{MemfdFlags, memfd_create};

/// The caller's own program.
const OWN: &str = "/proc/self/exe";

/// A sealed copy of the program at `exe`, to be executed by descriptor.
///
/// # Errors
/// If the file cannot be read or the kernel gives no memory.
pub fn copy(exe: &Path) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know the flag and make memfds executable anyway.
    let memfd = memfd_create(c"hythe-shim", flags | MemfdFlags::EXEC)
        .or_else(|_| memfd_create(c"hythe-shim", flags))?;
    let mut copy = File::from(memfd);
    io::copy(&mut File::open(exe)?, &mut copy)?;
    sys::fd::seal(&copy)?;
    // Only a descriptor that cannot write may be executed (ETXTBSY).
    let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
    Ok(File::open(path)?.into())
}

/// Goes on in a sealed copy of the caller's own program, with the same arguments; returns if it is in one already.
///
/// # Errors
/// If that is not possible. The caller must not go on then.
pub(crate) fn go_on_in_copy(args: &[OsString]) -> io::Result<()> {
    if std::fs::read_link(OWN)?.as_os_str().as_bytes().starts_with(b"/memfd:") {
        return Ok(());
    }
    let copy = copy(Path::new(OWN))?;
    let name = std::env::args_os().next().unwrap_or_default();
    Err(Command::new(format!("/proc/self/fd/{}", copy.as_raw_fd())).arg0(name).args(args).exec())
}
