//! `mount_setattr`: flags and propagation of a mount, or of a whole tree of mounts, in one call.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use crate::{Result, check};

/// Read-only.
pub const RDONLY: u64 = libc::MOUNT_ATTR_RDONLY;
/// Set-user-ID bits have no effect.
pub const NOSUID: u64 = libc::MOUNT_ATTR_NOSUID;
/// Device nodes cannot be opened.
pub const NODEV: u64 = libc::MOUNT_ATTR_NODEV;
/// Programs cannot be executed.
pub const NOEXEC: u64 = libc::MOUNT_ATTR_NOEXEC;
/// The access time bits; must be cleared when one of them is set.
pub const ATIME: u64 = libc::MOUNT_ATTR__ATIME;
/// Access times are updated now and then.
pub const RELATIME: u64 = libc::MOUNT_ATTR_RELATIME;
/// Access times are never updated.
pub const NOATIME: u64 = libc::MOUNT_ATTR_NOATIME;
/// Access times are always updated.
pub const STRICTATIME: u64 = libc::MOUNT_ATTR_STRICTATIME;
/// Access times of directories are never updated.
pub const NODIRATIME: u64 = libc::MOUNT_ATTR_NODIRATIME;
/// Symbolic links are not followed.
pub const NOSYMFOLLOW: u64 = libc::MOUNT_ATTR_NOSYMFOLLOW;

/// Mount events go both ways.
pub const SHARED: u64 = libc::MS_SHARED;
/// Mount events go nowhere.
pub const PRIVATE: u64 = libc::MS_PRIVATE;
/// Mount events come in.
pub const SLAVE: u64 = libc::MS_SLAVE;
/// Private, and not to be bind mounted.
pub const UNBINDABLE: u64 = libc::MS_UNBINDABLE;

/// What to change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bits to set, of the constants above.
    pub set: u64,
    /// Bits to clear.
    pub clear: u64,
    /// New propagation, or 0.
    pub propagation: u64,
}

/// Changes the mount that `dir`/`path` is in (`path` empty: that `dir` itself is in), with `recursive` all below it too.
///
/// # Errors
/// `mount_setattr`; `EINVAL` if it is not the root of a mount.
pub fn mount_setattr(dir: impl AsFd, path: &CStr, recursive: bool, attributes: Attributes) -> Result<()> {
    let attr = libc::mount_attr {
        attr_set: attributes.set,
        attr_clr: attributes.clear,
        propagation: attributes.propagation,
        userns_fd: 0,
    };
    set(dir, path, recursive, &attr)
}

/// Shows the files of a mount that is attached nowhere yet, and of all below it, with the ids that the user namespace
/// maps theirs to: what belongs to 0 on disk belongs to the namespace's root here, and what that makes here belongs to 0
/// on disk. Ids that it does not map are nobody's.
///
/// # Errors
/// `mount_setattr`; `EINVAL` if the file system or the kernel cannot (Linux 5.12 has the call; file systems followed
/// one by one).
pub fn map_ids(mount: impl AsFd, namespace: impl AsFd) -> Result<()> {
    let attr = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: namespace.as_fd().as_raw_fd() as u64,
    };
    set(mount, c"", true, &attr)
}

fn set(dir: impl AsFd, path: &CStr, recursive: bool, attr: &libc::mount_attr) -> Result<()> {
    let mut flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    if path.is_empty() {
        flags |= libc::AT_EMPTY_PATH;
    }
    // SAFETY: path and attr are valid for the call, and attr's size is passed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            dir.as_fd().as_raw_fd(),
            path.as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            size_of::<libc::mount_attr>(),
        )
    };
    check(result, "mount_setattr", &path.to_string_lossy()).map(drop)
}
