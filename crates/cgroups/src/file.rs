//! Control files: small, written whole in one call, read whole.
//!
//! Every failure names the file. A value is one `write`, because the kernel takes each call as a value of its own.

use std::fs;
use std::path::Path;

use errdefs::{Context, Result};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

/// Writes `value` to the control file; the raw error number for callers that tell them apart.
pub(crate) fn try_write(path: &Path, value: &str) -> Result<(), Errno> {
    // No O_TRUNC and no O_CREAT: it is not a file, and one that is missing must not be made.
    let file = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    let written = rustix::io::retry_on_intr(|| rustix::io::write(&file, value.as_bytes()))?;
    if written == value.len() { Ok(()) } else { Err(Errno::IO) }
}

/// Writes `value` to the control file.
pub(crate) fn write(path: &Path, value: &str) -> Result<()> {
    try_write(path, value).map_err(|errno| refused(path, value, errno))
}

/// The error for a value the kernel did not take.
pub(crate) fn refused(path: &Path, value: &str, errno: Errno) -> errdefs::Error {
    let words = errdefs::words(&errno.into());
    let text = format!("failed to write {value:?}: write {}: {words}", path.display());
    match errno {
        Errno::INVAL | Errno::RANGE => errdefs::invalid(text),
        _ => errdefs::system(text),
    }
}

/// The control file's text.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).context(|| format!("read {}", path.display()))
}

/// The control file's text, or nothing if there is no such file (the controller is missing).
pub(crate) fn read_if_there(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The number in the control file; `max` is the largest.
pub(crate) fn number(path: &Path) -> Option<u64> {
    let text = read_if_there(path)?;
    match text.trim() {
        "max" => Some(u64::MAX),
        digits => digits.parse().ok(),
    }
}

/// The value of `key` in a file of `key value` lines.
pub(crate) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}
