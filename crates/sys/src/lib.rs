//! Every `unsafe` of the project: the kernel's calls that `rustix` has no safe form for, behind safe signatures.
//!
//! Invariants: a failure names the call, its object and the error number; every descriptor made here is close-on-exec;
//! nothing here knows containers. Whatever `rustix` offers safely is used from there directly and not repeated here, but for
//! [`inside`]: paths in trees that others change, which all mechanisms are to open in one way.
#![expect(unsafe_code, reason = "this crate exists to hold it")]

use std::fmt;

use rustix::io::Errno;

pub mod bpf;
mod clone;
#[cfg(all(target_arch = "x86_64", any(test, target_env = "musl")))]
mod copy;
pub mod exec;
pub mod fd;
pub mod fork;
#[cfg(any(test, target_env = "musl"))]
pub mod heap;
pub mod identity;
pub mod inside;
pub mod keyring;
#[cfg(target_env = "gnu")]
pub mod memory;
pub mod mount;
pub mod quota;
pub mod scan;
pub mod seccomp;
pub mod signal;
pub mod socket;
pub mod spawn;
pub mod userns;

/// A failed call: which, on what, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    call: &'static str,
    object: String,
    errno: Errno,
}

/// The result of a call.
pub type Result<T> = std::result::Result<T, CallError>;

impl CallError {
    /// The failure of `call` on `object`.
    pub fn new(call: &'static str, object: impl Into<String>, errno: Errno) -> Self {
        Self { call, object: object.into(), errno }
    }

    /// The failure of `call` on `object` with the thread's current error number.
    pub(crate) fn last(call: &'static str, object: impl Into<String>) -> Self {
        let number = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        Self::new(call, object, Errno::from_raw_os_error(number))
    }

    /// The error number.
    pub fn errno(&self) -> Errno {
        self.errno
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let io = std::io::Error::from(self.errno);
        match self.object.as_str() {
            "" => write!(f, "{}: {io}", self.call),
            object => write!(f, "{} {object}: {io}", self.call),
        }
    }
}

impl std::error::Error for CallError {}

/// `0 or more` is the result, anything else the thread's error number.
fn check(result: libc::c_long, call: &'static str, object: &str) -> Result<libc::c_long> {
    if result < 0 { Err(CallError::last(call, object)) } else { Ok(result) }
}
