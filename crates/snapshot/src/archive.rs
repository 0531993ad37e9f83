//! Reading and writing tars inside a tree that someone hostile may be changing meanwhile: `cp`, `export`, `import`.
//!
//! All paths are the container's: absolute or relative to its root, symbolic links followed inside the root only.
//! `root` is a descriptor of the root directory: of a detached mount, or of a running container's `/proc/PID/root`.
//! `..` goes up by name, as in Docker, not by link. A path that ends in `/` or `/.` follows a link at its end, and
//! must be a directory; `/.` means what is in it. What is inside `/proc` and its like is not to be found, as in Docker,
//! which does not mount them for this.

mod path;

use std::io::{BufRead, BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use errdefs::{Context, Error, Result, invalid, not_found, system};
use idmap::IdMap;
use rustix::fs::{FileType, OFlags, Stat, fstat};
use rustix::io::Errno;

use crate::extract::{Extractor, Policy};
use crate::tarball::Reader;
use crate::tree::{self, HANDLE, open_in};
use crate::walk::{Walk, open_dir};
use path::ContainerPath;

/// Size of the pieces in which an archive is given on.
const OUTPUT_BUFFER: usize = 256 << 10;

/// What `docker cp` is told about a path in the header `X-Docker-Container-Path-Stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    /// The last component of the path as asked for; `/` and `.` for the root and for `path/.`.
    pub name: String,
    /// Size in bytes.
    pub size: i64,
    /// Go's `os.FileMode` bits.
    pub mode: u32,
    /// Modification time.
    pub mtime: SystemTime,
    /// Of a symbolic link: the path it leads to in the end, absolute in the container; else empty.
    pub link_target: String,
}

/// How to extract.
#[derive(Debug, Clone, Default)]
pub struct UntarOptions {
    /// Refuse to replace a directory by something else, or something else by a directory.
    pub no_overwrite_dir_non_dir: bool,
    /// Everything belongs to this user and group, whatever the tar says.
    pub chown: Option<(u32, u32)>,
    /// The tree shows ids of the host: those of the tar, and of `chown`, are a container's, and are mapped. The calling
    /// thread must make files as the mapping's root ([`sys::identity`]).
    pub ids: Option<IdMap>,
}

/// Tells about the path; a symbolic link at its end is not followed. Missing is `NotFound`.
pub fn stat(root: BorrowedFd<'_>, path: &str) -> Result<PathStat> {
    let path = ContainerPath::parse(path)?;
    let handle = open(root, &path)?;
    let stat = fstat(&handle).context(|| format!("lstat {}", path.shown()))?;
    let link_target = match tree::file_type(&stat) {
        FileType::Symlink => {
            let target = path::resolve(root, path.clean())?;
            format!("/{}", String::from_utf8_lossy(&target))
        }
        _ => String::new(),
    };
    Ok(PathStat {
        name: path.name(),
        size: stat.st_size,
        mode: go_mode(&stat),
        mtime: mtime(&stat),
        link_target,
    })
}

/// Writes the path as a tar, named from its last component on (`cp` out of a container). A symbolic link at its end
/// is not followed. Missing is `NotFound`, before anything is written. With `ids` the tree shows ids of the host, and the
/// tar has those of the container.
pub fn tar_path(root: BorrowedFd<'_>, path: &str, ids: Option<&IdMap>, out: impl Write) -> Result<()> {
    let path = ContainerPath::parse(path)?;
    let handle = open(root, &path)?;
    let mut walk = Walk::new(BufWriter::with_capacity(OUTPUT_BUFFER, out), false, ids);
    walk.node(handle.as_fd(), b"", path.name().as_bytes(), 0)
        .context(|| format!("archive {}", path.shown()))?;
    walk.finish().map(drop)
}

/// Writes the whole tree as a tar with names relative to the root (`export`).
pub fn tar_root(root: BorrowedFd<'_>, out: impl Write) -> Result<()> {
    let mut walk = Walk::new(BufWriter::with_capacity(OUTPUT_BUFFER, out), false, None);
    walk.children(open_dir(root)?.as_fd(), b"", 0)?;
    walk.finish().map(drop)
}

/// Extracts a tar into the directory `path` (`cp` into a container), reading the stream to its end. Missing is
/// `NotFound`, a path that is no directory `InvalidParameter`.
pub fn untar_into(
    root: BorrowedFd<'_>,
    path: &str,
    options: &UntarOptions,
    mut tar: impl BufRead,
) -> Result<()> {
    let path = ContainerPath::parse(path)?;
    match open_in(root, path.clean(), HANDLE | OFlags::DIRECTORY) {
        Ok(_) => {}
        Err(Errno::NOTDIR) if !path.follows() => return Err(invalid("extraction point is not a directory")),
        Err(error) => return Err(lookup_error(&path, error)),
    }
    let policy = Policy {
        no_overwrite_dir_non_dir: options.no_overwrite_dir_non_dir,
        chown: options.chown,
        ids: options.ids.clone(),
        ..Policy::default()
    };
    Extractor::new(root, path.clean().to_vec(), policy)?.run(&mut Reader::new(&mut tar))?;
    std::io::copy(&mut tar, &mut std::io::sink()).context(|| "read tar").map(drop)
}

fn open(root: BorrowedFd<'_>, path: &ContainerPath) -> Result<OwnedFd> {
    let flags = if path.follows() { HANDLE | OFlags::DIRECTORY } else { HANDLE | OFlags::NOFOLLOW };
    let handle = open_in(root, path.clean(), flags).map_err(|error| lookup_error(path, error))?;
    if tree::is_of_the_kernel(&handle).context(|| "statfs")? && !is_mount_root(root, path, &handle)? {
        return Err(lookup_error(path, Errno::NOENT));
    }
    Ok(handle)
}

/// True if another filesystem begins at the path.
fn is_mount_root(root: BorrowedFd<'_>, path: &ContainerPath, handle: &OwnedFd) -> Result<bool> {
    let parent =
        open_in(root, tree::split(path.clean()).0, HANDLE).map_err(|error| lookup_error(path, error))?;
    let device = |fd: BorrowedFd<'_>| fstat(fd).map(|stat| stat.st_dev).context(|| "stat");
    Ok(device(parent.as_fd())? != device(handle.as_fd())?)
}

fn lookup_error(path: &ContainerPath, error: Errno) -> Error {
    match error {
        Errno::NOENT => not_found(format!("lstat {}: no such file or directory", path.shown())),
        Errno::NOTDIR => system(format!("lstat {}: not a directory", path.shown())),
        error => system(format!("lstat {}", path.shown())).with_source(error),
    }
}

fn mtime(stat: &Stat) -> SystemTime {
    let whole = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let base = if stat.st_mtime < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
    base + Duration::from_nanos(stat.st_mtime_nsec)
}

/// The bits of Go's `os.FileMode`, which is what clients parse.
fn go_mode(stat: &Stat) -> u32 {
    const DIR: u32 = 1 << 31;
    const SYMLINK: u32 = 1 << 27;
    const DEVICE: u32 = 1 << 26;
    const FIFO: u32 = 1 << 25;
    const SOCKET: u32 = 1 << 24;
    const SETUID: u32 = 1 << 23;
    const SETGID: u32 = 1 << 22;
    const CHAR: u32 = 1 << 21;
    const STICKY: u32 = 1 << 20;
    let kind = match tree::file_type(stat) {
        FileType::Directory => DIR,
        FileType::Symlink => SYMLINK,
        FileType::BlockDevice => DEVICE,
        FileType::CharacterDevice => DEVICE | CHAR,
        FileType::Fifo => FIFO,
        FileType::Socket => SOCKET,
        _ => 0,
    };
    let bit = |bit: u32, go: u32| if stat.st_mode & bit != 0 { go } else { 0 };
    kind | stat.st_mode & 0o777 | bit(0o4000, SETUID) | bit(0o2000, SETGID) | bit(0o1000, STICKY)
}

#[cfg(test)]
mod tests;
