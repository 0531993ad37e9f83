//! Reading and writing tars inside a tree that someone hostile may be changing meanwhile: `cp`, `export`, `import`.
//!
//! All paths are the container's: absolute or relative to its root, symbolic links followed inside the root only.
//! `root` is a descriptor of the root directory: of a detached mount, or of a running container's `/proc/PID/root`.

use std::io::{BufRead, Write};
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use errdefs::Result;

/// What `docker cp` is told about a path in the header `X-Docker-Container-Path-Stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    /// The last component of the path as asked for.
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
}

/// Tells about the path; a symbolic link at its end is not followed. Missing is `NotFound`.
#[expect(clippy::todo, reason = "the interface is landed before the bodies")]
pub fn stat(_root: BorrowedFd<'_>, _path: &str) -> Result<PathStat> {
    todo!()
}

/// Writes the path as a tar, named from its last component on (`cp` out of a container). A symbolic link at its end
/// is not followed; `path/.` is the directory's content.
#[expect(clippy::todo, reason = "the interface is landed before the bodies")]
pub fn tar_path(_root: BorrowedFd<'_>, _path: &str, _out: impl Write) -> Result<()> {
    todo!()
}

/// Writes the whole tree as a tar with names relative to the root (`export`).
#[expect(clippy::todo, reason = "the interface is landed before the bodies")]
pub fn tar_root(_root: BorrowedFd<'_>, _out: impl Write) -> Result<()> {
    todo!()
}

/// Extracts a tar into the directory `path` (`cp` into a container). A path that is no directory is `InvalidParameter`.
#[expect(clippy::todo, reason = "the interface is landed before the bodies")]
pub fn untar_into(
    _root: BorrowedFd<'_>,
    _path: &str,
    _options: &UntarOptions,
    _tar: impl BufRead,
) -> Result<()> {
    todo!()
}
