//! Trees of files, by descriptor: copied with everything that matters, measured, and removed.
//!
//! Nothing here follows a symbolic link, so nothing that a container put into a volume leads anywhere else.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use errdefs::{Context, Result};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RawDir, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

/// Names of extended attributes are kept up to here; the kernel's own limit of a list is 64 KiB.
const XATTR_MAX: usize = 64 * 1024;

/// Deepest directory that is copied; a hostile image must not exhaust our stack or descriptors.
const DEPTH_MAX: usize = 256;

/// Opens a directory without following a link in its last component.
pub(crate) fn open_dir(at: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty()).context(|| format!("open directory {name:?}"))
}

/// Opens a directory by its path on the host (one of ours, never one a container names).
pub(crate) fn open_path(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).context(|| format!("open directory {}", path.display()))
}

/// The entries of a directory, without `.` and `..`.
pub(crate) fn entries(dir: BorrowedFd<'_>) -> Result<Vec<CString>> {
    // Read through a descriptor of its own: the position of a shared one would be shared too.
    let own = open_dir(dir, c".")?;
    let mut names = Vec::new();
    for entry in Dir::new(own).context(|| "read directory")? {
        let entry = entry.context(|| "read directory")?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Whether a directory holds nothing.
pub(crate) fn is_empty(dir: BorrowedFd<'_>) -> Result<bool> {
    let own = open_dir(dir, c".")?;
    let mut buffer = Vec::with_capacity(4096);
    let mut entries = RawDir::new(own, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry.context(|| "read directory")?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Copies everything below `source` into the empty directory `target`: contents, owners, modes, times, extended
/// attributes, links of both kinds, fifos and device nodes; the directory's own owner and mode too.
///
/// # Errors
/// The first failure; `target` may then hold a part.
pub(crate) fn copy(source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    Copier { root: target, seen: HashMap::new(), trail: Vec::new() }.directory(source, target)
}

struct Copier<'a> {
    root: BorrowedFd<'a>,
    /// Files with several names: where the first one was put, relative to the root.
    seen: HashMap<(u64, u64), CString>,
    trail: Vec<CString>,
}

impl Copier<'_> {
    fn directory(&mut self, source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
        if self.trail.len() > DEPTH_MAX {
            return Err(errdefs::invalid(format!("directories nested more than {DEPTH_MAX} deep")));
        }
        for name in entries(source)? {
            self.trail.push(name.clone());
            self.entry(source, target, &name).with(|| self.path())?;
            self.trail.pop();
        }
        let stat = rustix::fs::fstat(source).context(|| "stat")?;
        copy_xattrs(source, target)?;
        give(target, &stat)?;
        rustix::fs::futimens(target, &times(&stat)).context(|| "set times")
    }

    fn entry(&mut self, source: BorrowedFd<'_>, target: BorrowedFd<'_>, name: &CStr) -> Result<()> {
        let stat = rustix::fs::statat(source, name, AtFlags::SYMLINK_NOFOLLOW).context(|| "stat")?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.seen.get(&(stat.st_dev, stat.st_ino)) {
                return rustix::fs::linkat(self.root, first, target, name, AtFlags::empty())
                    .context(|| "link");
            }
            let path = CString::new(self.path()).map_err(|_| errdefs::invalid("a name with a NUL byte"))?;
            self.seen.insert((stat.st_dev, stat.st_ino), path);
        }
        match kind {
            FileType::Directory => {
                rustix::fs::mkdirat(target, name, Mode::RWXU).context(|| "mkdir")?;
                return self.directory(open_dir(source, name)?.as_fd(), open_dir(target, name)?.as_fd());
            }
            FileType::RegularFile => return copy_file(source, target, name, &stat),
            FileType::Symlink => {
                let link = rustix::fs::readlinkat(source, name, Vec::new()).context(|| "readlink")?;
                rustix::fs::symlinkat(&link, target, name).context(|| "symlink")?;
            }
            kind => {
                let mode = Mode::from_raw_mode(stat.st_mode);
                rustix::fs::mknodat(target, name, kind, mode, stat.st_rdev).context(|| "mknod")?;
            }
        }
        let (uid, gid) = owner(&stat);
        rustix::fs::chownat(target, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            .context(|| "chown")?;
        if kind != FileType::Symlink {
            // The umask may have taken bits away from what mknod made.
            rustix::fs::chmodat(target, name, Mode::from_raw_mode(stat.st_mode), AtFlags::empty())
                .context(|| "chmod")?;
        }
        rustix::fs::utimensat(target, name, &times(&stat), AtFlags::SYMLINK_NOFOLLOW).context(|| "set times")
    }

    fn path(&self) -> String {
        let names: Vec<String> = self.trail.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        names.join("/")
    }
}

/// `Context` for results that are classified already, kept apart so that the closure may borrow the copier again.
trait With<T> {
    fn with(self, path: impl FnOnce() -> String) -> Result<T>;
}

impl<T> With<T> for Result<T> {
    fn with(self, path: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.context(format!("copy {}", path())))
    }
}

fn copy_file(source: BorrowedFd<'_>, target: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<()> {
    let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let from = rustix::fs::openat(source, name, read, Mode::empty()).context(|| "open")?;
    let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let to = rustix::fs::openat(target, name, write, Mode::RUSR | Mode::WUSR).context(|| "create")?;
    let mut from = std::fs::File::from(from);
    let mut to = std::fs::File::from(to);
    // On Linux this is copy_file_range: shared extents where the filesystem can, no copy through our memory otherwise.
    std::io::copy(&mut from, &mut to).context(|| "copy data")?;
    copy_xattrs(from.as_fd(), to.as_fd())?;
    give(to.as_fd(), stat)?;
    rustix::fs::futimens(&to, &times(stat)).context(|| "set times")
}

/// Sets owner and then mode: changing the owner clears the set-user-id bits.
fn give(file: BorrowedFd<'_>, stat: &Stat) -> Result<()> {
    let (uid, gid) = owner(stat);
    rustix::fs::fchown(file, Some(uid), Some(gid)).context(|| "chown")?;
    rustix::fs::fchmod(file, Mode::from_raw_mode(stat.st_mode)).context(|| "chmod")
}

fn owner(stat: &Stat) -> (rustix::fs::Uid, rustix::fs::Gid) {
    (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid))
}

fn times(stat: &Stat) -> Timestamps {
    let time = |seconds: i64, nanoseconds: u64| Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

/// Copies the extended attributes that belong to the file; overlayfs's own belong to its layers.
fn copy_xattrs(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let mut list = vec![0; XATTR_MAX];
    let length = match rustix::fs::flistxattr(from, &mut list) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => return Ok(()),
        Err(errno) => return Err(errno).context(|| "list extended attributes"),
    };
    for name in list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.") {
            continue;
        }
        let mut value = vec![0; XATTR_MAX];
        let size = rustix::fs::fgetxattr(from, name, &mut value).context(|| "read an extended attribute")?;
        match rustix::fs::fsetxattr(to, name, &value[..size], XattrFlags::empty()) {
            Ok(()) | Err(Errno::NOTSUP) => {}
            Err(errno) => return Err(errno).context(|| "write an extended attribute"),
        }
    }
    Ok(())
}

/// Moves every entry of `from` into `to` (same filesystem) and gives `to` the owner, mode and times of `from`. Can be
/// called again after a crash: what has been moved is no longer there to be moved.
///
/// # Errors
/// The first failure; a later call goes on from there.
pub(crate) fn move_entries(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let stat = rustix::fs::fstat(from).context(|| "stat")?;
    for name in entries(from)? {
        rustix::fs::renameat(from, &name, to, &name).context(|| format!("move {name:?}"))?;
    }
    copy_xattrs(from, to)?;
    give(to, &stat)?;
    rustix::fs::futimens(to, &times(&stat)).context(|| "set times")
}

/// Bytes in the files below a directory; a file with several names counts once, directories count nothing (as Docker's
/// `system df` counts).
///
/// # Errors
/// If a directory cannot be read.
pub(crate) fn size(dir: BorrowedFd<'_>) -> Result<u64> {
    let mut seen = HashSet::new();
    let mut total = 0;
    let mut open = vec![open_dir(dir, c".")?];
    while let Some(dir) = open.pop() {
        for name in entries(dir.as_fd())? {
            // Files come and go under a running container.
            let Ok(stat) = rustix::fs::statat(&dir, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                if let Ok(below) = open_dir(dir.as_fd(), &name) {
                    open.push(below);
                }
            } else if stat.st_nlink == 1 || seen.insert((stat.st_dev, stat.st_ino)) {
                total += u64::try_from(stat.st_size).unwrap_or(0);
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
    use std::process::Command;

    #[test]
    fn a_copy_keeps_everything() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        std::fs::create_dir_all(from.join("sub")).unwrap();
        std::fs::create_dir(&to).unwrap();
        std::fs::write(from.join("sub/file"), "content").unwrap();
        std::fs::set_permissions(from.join("sub/file"), std::fs::Permissions::from_mode(0o4751)).unwrap();
        std::os::unix::fs::chown(from.join("sub/file"), Some(12), Some(34)).unwrap();
        std::fs::set_permissions(from.join("sub/file"), std::fs::Permissions::from_mode(0o4751)).unwrap();
        std::fs::hard_link(from.join("sub/file"), from.join("again")).unwrap();
        symlink("/etc/passwd", from.join("link")).unwrap();
        assert!(Command::new("mkfifo").arg(from.join("fifo")).status().unwrap().success());
        rustix::fs::setxattr(from.join("sub/file"), "user.note", b"x", XattrFlags::empty()).unwrap();
        std::os::unix::fs::chown(&from, Some(5), Some(6)).unwrap();
        std::fs::set_permissions(&from, std::fs::Permissions::from_mode(0o1770)).unwrap();

        copy(open_path(&from).unwrap().as_fd(), open_path(&to).unwrap().as_fd()).unwrap();

        let file = std::fs::metadata(to.join("sub/file")).unwrap();
        assert_eq!((file.mode() & 0o7777, file.uid(), file.gid()), (0o4751, 12, 34));
        assert_eq!(file.mtime_nsec(), std::fs::metadata(from.join("sub/file")).unwrap().mtime_nsec());
        assert_eq!(file.ino(), std::fs::metadata(to.join("again")).unwrap().ino());
        assert_eq!(std::fs::read_link(to.join("link")).unwrap(), Path::new("/etc/passwd"));
        assert!(std::fs::symlink_metadata(to.join("fifo")).unwrap().file_type().is_fifo());
        let mut value = [0; 8];
        assert_eq!(rustix::fs::getxattr(to.join("sub/file"), "user.note", &mut value[..]).unwrap(), 1);
        let root = std::fs::metadata(&to).unwrap();
        assert_eq!((root.mode() & 0o7777, root.uid(), root.gid()), (0o1770, 5, 6));
        assert_eq!(size(open_path(&to).unwrap().as_fd()).unwrap(), 7 + "/etc/passwd".len() as u64);
    }

    #[test]
    fn empty_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let fd = open_path(dir.path()).unwrap();
        assert!(is_empty(fd.as_fd()).unwrap());
        std::fs::write(dir.path().join(".hidden"), "").unwrap();
        assert!(!is_empty(fd.as_fd()).unwrap());
        assert!(!is_empty(fd.as_fd()).unwrap());
    }
}
