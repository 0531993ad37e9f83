//! Paths inside a container's tree: every one is resolved below a root descriptor, so that no symbolic link, `..` or
//! rename in a tree that others write can lead outside.
//!
//! How is `sys::inside`'s: one `openat2(RESOLVE_IN_ROOT)` for looking up, a walk on descriptors for making what is missing,
//! because the kernel has no "resolve in this root and create".

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat};
use rustix::io::Errno;

/// A root to resolve paths in.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
}

/// What a path that is missing is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    /// A directory.
    Directory,
    /// An empty file (for a file to be mounted on).
    File,
}

impl Tree {
    /// The tree below an open directory.
    pub(crate) fn new(root: OwnedFd) -> Self {
        Self { root }
    }

    /// The tree of this process's root directory.
    pub(crate) fn current() -> Result<Self, Errno> {
        openat(rustix::fs::CWD, "/", directory(), Mode::empty()).map(Self::new)
    }

    /// The root's descriptor.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Opens what is at `path`, following links inside the tree, never a `/proc` link out of it.
    pub(crate) fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_with(path, flags, ResolveFlags::empty())
    }

    /// The same with further restrictions.
    pub(crate) fn open_with(&self, path: &Path, flags: OFlags, more: ResolveFlags) -> Result<OwnedFd, Errno> {
        sys::inside::open(&self.root, path, flags, more)
    }

    /// Opens what is at `path` (`O_PATH`), making it and the directories above (0755, root) if missing.
    pub(crate) fn ensure(&self, path: &Path, make: Make) -> Result<OwnedFd, Errno> {
        match self.open(path, OFlags::PATH) {
            Err(Errno::NOENT) => sys::inside::open_or_make(&self.root, path, &mut |at, name, last| {
                create(at, name, if last { make } else { Make::Directory })
            }),
            other => other,
        }
    }
}

fn create(at: BorrowedFd<'_>, name: &OsStr, make: Make) -> Result<(), Errno> {
    let made = match make {
        Make::Directory => mkdirat(at, name, Mode::from_raw_mode(0o755)),
        Make::File => openat(
            at,
            name,
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o644),
        )
        .map(drop),
    };
    // Somebody else made it first: just as good, whatever it is it is looked at next.
    if made == Err(Errno::EXIST) { Ok(()) } else { made }
}

/// Flags for a directory that is only resolved from.
pub(crate) fn directory() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC
}

#[cfg(test)]
mod tests;
