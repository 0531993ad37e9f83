//! Paths inside a tree that is not ours: every one is resolved below a descriptor of the tree's root.
//!
//! `RESOLVE_IN_ROOT` makes the tree's root the `/` and the top of `..` for symbolic links, even while someone swaps
//! directories for links. A single component, created or opened with `O_NOFOLLOW` below a descriptor so found, needs
//! no more than that.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use errdefs::{Result, invalid};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, chmodat, fstatfs, openat, statat, unlinkat,
};
use rustix::io::{self, Errno};

use crate::limits::{DEPTH_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX, RESOLVE_ATTEMPTS_MAX};

/// For descriptors that are only the starting point of other calls.
pub(crate) const HANDLE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
/// For reading a directory that must not be a symbolic link.
pub(crate) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens `path` in the tree below `root`, following symbolic links inside it only.
pub(crate) fn open_in(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    sys::inside::open(root, Path::new(OsStr::from_bytes(path)), flags, ResolveFlags::empty())
}

/// What `name` in `dir` is itself.
pub(crate) fn stat_at(dir: impl AsFd, name: &[u8]) -> io::Result<Stat> {
    statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
}

pub(crate) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// True for overlayfs's mark of a deleted file: a character device 0:0.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    file_type(stat) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Changes the mode of what a handle is open on. (`fchmod` refuses such descriptors; the link in `/proc` is to the
/// file itself, so nothing can be swapped under it.)
pub(crate) fn chmod_handle(handle: impl AsFd, mode: u32) -> io::Result<()> {
    chmodat(CWD, proc_path(handle), Mode::from_raw_mode(mode), AtFlags::empty())
}

/// A path to what a descriptor is open on, for calls that take no descriptor.
pub(crate) fn proc_path(fd: impl AsFd) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

/// True for the filesystems in which the kernel shows itself. Their files have no size and no end that means anything.
pub(crate) fn is_of_the_kernel(fd: impl AsFd) -> io::Result<bool> {
    // linux/magic.h: proc, sysfs, cgroup, cgroup2, devpts, debugfs, tracefs, securityfs, bpf, mqueue, pstore, configfs
    const KERNEL: [u64; 12] = [
        0x9fa0,
        0x6265_6572,
        0x0027_e0eb,
        0x6367_7270,
        0x1cd1,
        0x6462_6720,
        0x7472_6163,
        0x7363_6673,
        0xcafe_4a11,
        0x1980_0202,
        0x6165_676c,
        0x6265_6570,
    ];
    let kind = fstatfs(fd)?.f_type;
    Ok(u64::try_from(kind).is_ok_and(|kind| KERNEL.contains(&kind)))
}

/// The names in a directory, sorted, without `.` and `..`.
pub(crate) fn sorted_names(dir: impl AsFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes `name` from `dir`, with everything below it, following nothing. Missing is no error.
pub(crate) fn remove_at(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    remove_below(dir, name, DEPTH_MAX)
}

fn remove_below(dir: BorrowedFd<'_>, name: &[u8], depth: usize) -> io::Result<()> {
    match unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(error) => return Err(error),
    }
    if depth == 0 {
        return Err(Errno::NAMETOOLONG);
    }
    let inside = openat(dir, name, DIRECTORY, Mode::empty())?;
    // Some filesystems pass over names when others are removed while reading, and others may be adding some.
    for _ in 0..RESOLVE_ATTEMPTS_MAX {
        for name in sorted_names(&inside)? {
            remove_below(inside.as_fd(), &name, depth - 1)?;
        }
        match unlinkat(dir, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::NOTEMPTY)
}

/// A path from an archive in its one spelling: components joined by single slashes, without a leading one, without
/// `.` and `..`. Empty for the root itself. One that leads out is refused.
pub(crate) fn clean(path: &[u8]) -> Result<Vec<u8>> {
    let refuse = |why: &str| Err(invalid(format!("invalid path {:?}: {why}", String::from_utf8_lossy(path))));
    if path.len() > PATH_BYTES_MAX {
        return refuse("too long");
    }
    let mut cleaned = Vec::with_capacity(path.len());
    let mut depth = 0;
    for component in path.split(|b| *b == b'/') {
        match component {
            b"" | b"." => {}
            b".." if depth == 0 => return refuse("it leads out of the tree"),
            b".." => {
                depth -= 1;
                cleaned.truncate(cleaned.iter().rposition(|b| *b == b'/').unwrap_or(0));
            }
            _ if component.len() > NAME_BYTES_MAX => return refuse("a component is too long"),
            _ if component.contains(&0) => return refuse("it contains a NUL"),
            _ => {
                depth += 1;
                if !cleaned.is_empty() {
                    cleaned.push(b'/');
                }
                cleaned.extend_from_slice(component);
            }
        }
    }
    if depth > DEPTH_MAX {
        return refuse("too deep");
    }
    Ok(cleaned)
}

/// Splits a clean path that is not empty into its parent, which may be empty, and its name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// Joins two clean paths.
pub(crate) fn join(base: &[u8], path: &[u8]) -> Vec<u8> {
    match (base.is_empty(), path.is_empty()) {
        (true, _) => path.to_vec(),
        (_, true) => base.to_vec(),
        _ => [base, b"/", path].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling_and_none_leads_out() {
        for (path, cleaned) in [
            ("a/b", Some("a/b")),
            ("/a//b/./", Some("a/b")),
            ("./", Some("")),
            ("/", Some("")),
            ("", Some("")),
            ("a/../b", Some("b")),
            ("a/b/../../c", Some("c")),
            ("a/..", Some("")),
            ("..", None),
            ("../x", None),
            ("/../x", None),
            ("a/../../x", None),
            ("a\0b", None),
        ] {
            let expected = cleaned.map(|c| c.as_bytes().to_vec());
            assert_eq!(clean(path.as_bytes()).ok(), expected, "{path:?}");
        }
        assert!(clean(&vec![b'a'; 256]).is_err());
        assert!(clean(&b"a/".repeat(DEPTH_MAX)).is_ok());
        assert!(clean(&b"a/".repeat(DEPTH_MAX + 1)).is_err());
        assert_eq!(split(b"a/b/c"), (&b"a/b"[..], &b"c"[..]));
        assert_eq!(split(b"a"), (&b""[..], &b"a"[..]));
        assert_eq!(join(b"", b"a"), b"a");
        assert_eq!(join(b"a", b"b"), b"a/b");
    }
}
