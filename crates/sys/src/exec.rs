//! `execve` with the error number as the answer: it only returns when it fails.

use std::ffi::{CStr, CString};
use std::ptr;

use rustix::io::Errno;

/// Argument or environment vector in the kernel's form, made before the moment it is needed.
#[derive(Debug)]
pub struct Strings {
    /// Pointers into `owned`, with the null at the end.
    pointers: Vec<*const libc::c_char>,
    /// Never touched again: it keeps the pointers valid.
    _owned: Vec<CString>,
}

impl Strings {
    /// Takes the strings.
    pub fn new(owned: Vec<CString>) -> Self {
        let pointers = owned.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect();
        Self { pointers, _owned: owned }
    }
}

/// Replaces this process's program; returns only the reason why it could not.
pub fn execve(path: &CStr, argv: &Strings, envp: &Strings) -> Errno {
    // SAFETY: all three are null-terminated as the kernel wants them and live through the call.
    unsafe { libc::execve(path.as_ptr(), argv.pointers.as_ptr(), envp.pointers.as_ptr()) };
    Errno::from_raw_os_error(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}
