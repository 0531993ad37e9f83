//! Paths inside a container's tree: every one is resolved below a root descriptor, so that no symbolic link, `..` or
//! rename in a tree that others write can lead outside.
//!
//! Looking up is one `openat2(RESOLVE_IN_ROOT)`. Making what is missing walks component by component on descriptors,
//! following links itself, because the kernel has no "resolve in this root and create": each step names one entry of a
//! directory already open, and `..` goes back to a descriptor the walk came from.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, readlinkat, statat,
};
use rustix::io::Errno;

/// Symbolic links followed in one walk; the kernel's own limit.
const MAX_LINKS: u32 = 40;

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
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | more;
        // EAGAIN: a rename or mount raced with a `..`, and the kernel could not tell that it stayed inside. An attacker
        // can keep that up, so the number of attempts is limited.
        let mut last = Errno::AGAIN;
        for _ in 0..128 {
            match openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) => last = Errno::AGAIN,
                other => return other,
            }
        }
        Err(last)
    }

    /// Opens what is at `path` (`O_PATH`), making it and the directories above (0755, root) if missing.
    pub(crate) fn ensure(&self, path: &Path, make: Make) -> Result<OwnedFd, Errno> {
        match self.open(path, OFlags::PATH) {
            Err(Errno::NOENT) => self.walk(path, make),
            other => other,
        }
    }

    /// The slow way: one component after the other.
    fn walk(&self, path: &Path, make: Make) -> Result<OwnedFd, Errno> {
        // Where the walk is: the descriptors from the root down; the components still to go, the next one last.
        let mut stack = vec![self.open(Path::new("/"), directory())?];
        let mut todo: Vec<OsString> = parts(path);
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                if stack.len() > 1 {
                    stack.pop();
                }
                continue;
            }
            let at = stack.last().ok_or(Errno::NOTDIR)?;
            let entry = match entry(at, &name) {
                Err(Errno::NOENT) => {
                    create(at, &name, if todo.is_empty() { make } else { Make::Directory })?;
                    entry(at, &name)?
                }
                other => other?,
            };
            match entry {
                Entry::Link(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP);
                    }
                    if target.as_bytes().first() == Some(&b'/') {
                        stack.truncate(1);
                    }
                    todo.extend(parts(Path::new(&target)));
                }
                Entry::Other(fd) if todo.is_empty() => return Ok(fd),
                Entry::Other(fd) => stack.push(fd),
            }
        }
        stack.pop().ok_or(Errno::NOENT)
    }
}

/// What a name in a directory is.
enum Entry {
    /// A symbolic link to this.
    Link(OsString),
    /// Anything else, opened by `O_PATH`.
    Other(OwnedFd),
}

fn entry(at: &OwnedFd, name: &OsStr) -> Result<Entry, Errno> {
    let fd = openat(at, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = statat(&fd, "", AtFlags::EMPTY_PATH)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        return Ok(Entry::Other(fd));
    }
    // A link of procfs that is no path but a door (`/proc/self/fd/7`): its text means nothing.
    let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::IN_ROOT;
    if let Err(Errno::LOOP) = openat2(at, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
        return Err(Errno::LOOP);
    }
    readlinkat(&fd, "", Vec::new()).map(|target| Entry::Link(OsString::from_vec(target.into_bytes())))
}

fn create(at: &OwnedFd, name: &OsStr, make: Make) -> Result<(), Errno> {
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

/// The components of a path as a stack, the first on top. `.` and the root are dropped.
fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect()
}

/// Flags for a directory that is only resolved from.
pub(crate) fn directory() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC
}

#[cfg(test)]
mod tests;
