//! Opening paths inside a tree that others may be changing meanwhile: no symbolic link, `..`, magic link or rename leads
//! out of it.
//!
//! One `openat2(RESOLVE_IN_ROOT)` is the fast way. The kernel gives that up with `EAGAIN` if anything anywhere on the
//! machine was renamed or mounted while it looked up a path with a `..` (openat2(2)), and a single process that renames
//! in a loop can keep it so for everybody. After a few attempts the path is therefore walked component by component on
//! descriptors: each step names one entry of a directory already open, and `..` goes back to the descriptor the walk came
//! from, so there is nothing to race for.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags, fstatfs, openat, openat2, readlinkat,
    statat,
};
use rustix::io::Errno;

/// Symbolic links followed in one walk; the kernel's own limit.
const MAX_LINKS: u32 = 40;
/// Attempts of the fast way: enough for renames that happen, too few to wait for ones that do not end.
const ATTEMPTS: usize = 16;

/// Makes what a walk did not find: the directory it is missing in, its name, and if it is the last component.
pub type Make<'a> = &'a mut dyn FnMut(BorrowedFd<'_>, &OsStr, bool) -> Result<(), Errno>;

/// Opens what is at `path` below `root` with `flags` (`O_CLOEXEC` is added), following symbolic links inside the tree
/// unless `more` or `O_NOFOLLOW` forbid it. An absolute path starts at `root`, as does an absolute link.
///
/// # Errors
/// As openat2(2) has them, but never `EAGAIN` for what others do elsewhere. `ELOOP` also for a magic link of procfs.
pub fn open(root: impl AsFd, path: &Path, flags: OFlags, more: ResolveFlags) -> Result<OwnedFd, Errno> {
    let (root, flags) = (root.as_fd(), flags | OFlags::CLOEXEC);
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | more;
    let name = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    for _ in 0..ATTEMPTS {
        match openat2(root, name, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    if !(ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::IN_ROOT).contains(resolve) {
        // A restriction that the walk does not know.
        return Err(Errno::AGAIN);
    }
    walk(root, path, flags, more.contains(ResolveFlags::NO_SYMLINKS), &mut |_, _, _| Err(Errno::NOENT))
}

/// The same for `O_PATH`, with `make` called for each component that is missing; it is looked at again afterwards.
///
/// # Errors
/// As [`open`], and whatever `make` answers.
pub fn open_or_make(root: impl AsFd, path: &Path, make: Make<'_>) -> Result<OwnedFd, Errno> {
    walk(root.as_fd(), path, OFlags::PATH | OFlags::CLOEXEC, false, make)
}

/// The slow way: one component after the other.
fn walk(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    no_links: bool,
    make: Make<'_>,
) -> Result<OwnedFd, Errno> {
    // Where the walk is: the descriptors from the root down; the components still to go, the next one last.
    let mut stack = vec![openat(root, ".", directory(), Mode::empty())?];
    let mut todo = parts(path);
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            if stack.len() > 1 {
                stack.pop();
            }
            continue;
        }
        let at = stack.last().ok_or(Errno::NOTDIR)?;
        if todo.is_empty() && flags.contains(OFlags::NOFOLLOW) {
            return openat(at, &name, flags, Mode::empty());
        }
        let found = match entry(at, &name) {
            Err(Errno::NOENT) => {
                make(at.as_fd(), &name, todo.is_empty())?;
                entry(at, &name)?
            }
            other => other?,
        };
        match found {
            Entry::Link(target) => {
                links += 1;
                if no_links || links > MAX_LINKS {
                    return Err(Errno::LOOP);
                }
                if target.as_bytes().first() == Some(&b'/') {
                    stack.truncate(1);
                }
                todo.extend(parts(Path::new(&target)));
            }
            Entry::Other(fd) if todo.is_empty() => return finish(at, &name, fd, flags),
            // Only directories have entries, and a `..` in anything else is an error too.
            Entry::Other(fd) => stack.push(openat(&fd, ".", directory(), Mode::empty())?),
        }
    }
    // The path ends at a directory that the walk went through.
    openat(stack.last().ok_or(Errno::NOENT)?, ".", flags, Mode::empty())
}

/// Opens the last component, found as `fd` (`O_PATH`), with the flags that are wanted.
fn finish(at: &OwnedFd, name: &OsStr, fd: OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    if !flags.contains(OFlags::PATH) {
        return match openat(at, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
            // It was no link a moment ago.
            Err(Errno::LOOP) => Err(Errno::AGAIN),
            other => other,
        };
    }
    if flags.contains(OFlags::DIRECTORY) { openat(&fd, ".", directory(), Mode::empty()) } else { Ok(fd) }
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
    // A link of procfs that is no path but a door (`/proc/self/fd/7`): its text means nothing. Elsewhere there are none, and
    // the question would be wrong there: below this directory `run -> /run` leads to itself.
    if fstatfs(at)?.f_type == PROC_SUPER_MAGIC {
        let resolve = ResolveFlags::NO_MAGICLINKS | ResolveFlags::IN_ROOT;
        if let Err(Errno::LOOP) = openat2(at, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
            return Err(Errno::LOOP);
        }
    }
    readlinkat(&fd, "", Vec::new()).map(|target| Entry::Link(OsString::from_vec(target.into_bytes())))
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
fn directory() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC
}

#[cfg(test)]
mod tests;
