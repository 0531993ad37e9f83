//! Session keyrings: without one of its own a container would share the engine's keys.

use std::ffi::CStr;

use crate::{Result, check};

/// Gives this process (and its children) the session keyring of that name: the one there is, or a new one.
///
/// # Errors
/// `keyctl`; `ENOSYS` on kernels without keys, `EDQUOT` when the user has too many.
pub fn join_session(name: &CStr) -> Result<()> {
    /// All for its possessor; view, read and search for its user, so that a later process can join it.
    const PERMISSIONS: libc::c_ulong = 0x3f1b_0000;
    // SAFETY: the name lives through the call; the others take numbers only.
    let keyring = unsafe {
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING as libc::c_ulong, name.as_ptr())
    };
    let keyring = check(keyring, "keyctl", "KEYCTL_JOIN_SESSION_KEYRING")?;
    // SAFETY: numbers only.
    let result = unsafe {
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_SETPERM as libc::c_ulong, keyring, PERMISSIONS)
    };
    check(result, "keyctl", "KEYCTL_SETPERM").map(drop)
}
