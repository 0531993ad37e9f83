//! Writing a tree as a tar, in an order that depends on nothing but its names.
//!
//! Someone may be changing the tree meanwhile. So nothing is opened by name but as a handle that neither follows
//! links nor wakes devices; what the handle is on is looked at, and only a regular file or a directory is opened
//! through it. What vanishes meanwhile is left out. Of `/proc` and its like only the directory is written: a container
//! that does not run has nothing there, and reading it has no end.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use errdefs::{Context, Result, system};
use idmap::IdMap;
use rustix::fs::{
    FileType, Mode, OFlags, Stat, fgetxattr, flistxattr, fstat, major, minor, openat, readlinkat,
};
use rustix::io::Errno;

use crate::extract::whiteout;
use crate::limits::{DEPTH_MAX, XATTR_BYTES_MAX};
use crate::tarball::{Entry, Kind, Time, Writer, Xattr};
use crate::tree::{self, DIRECTORY, HANDLE};

/// Mode of the file that stands for a deletion, as in Docker's layers.
const DELETION_MODE: u32 = 0o600;
/// Mode of the file that stands for an opaque directory, as in Docker's layers.
const OPAQUE_MODE: u32 = 0o755;

/// Writes trees to one archive.
pub(crate) struct Walk<'a, W> {
    out: Writer<W>,
    /// The tree is an overlay's upper directory: its deletions and opaque directories become `.wh.` files.
    upper: bool,
    /// The first name of each file that has several.
    first_names: HashMap<(u64, u64), Vec<u8>>,
    /// The sum of the sizes of the regular files written.
    size: u64,
    /// Where lists and values of attributes are read to.
    buffer: Vec<u8>,
    /// The tree shows ids of the host; these are theirs in the archive.
    ids: Option<&'a IdMap>,
}

impl<'a, W: Write> Walk<'a, W> {
    pub(crate) fn new(out: W, upper: bool, ids: Option<&'a IdMap>) -> Self {
        Self {
            out: Writer::new(out),
            upper,
            first_names: HashMap::new(),
            size: 0,
            buffer: vec![0; XATTR_BYTES_MAX],
            ids,
        }
    }

    /// Ends the archive; gives the sum of the sizes of its regular files.
    pub(crate) fn finish(self) -> Result<(W, u64)> {
        Ok((self.out.finish()?, self.size))
    }

    /// Writes what is in the directory, under names that start with `prefix`.
    pub(crate) fn children(&mut self, dir: BorrowedFd<'_>, prefix: &[u8], depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(system(format!("{:?} is too deep", String::from_utf8_lossy(prefix))));
        }
        let shown = |name: &[u8]| String::from_utf8_lossy(&[prefix, name].concat()).into_owned();
        for name in tree::sorted_names(dir).context(|| format!("list {:?}", shown(b"")))? {
            match openat(dir, &name, HANDLE | OFlags::NOFOLLOW, Mode::empty()) {
                Err(Errno::NOENT) => {}
                other => {
                    let handle = other.context(|| format!("open {:?}", shown(&name)))?;
                    self.node(handle.as_fd(), prefix, &name, depth)
                        .context(|| format!("read {:?}", shown(&name)))?;
                }
            }
        }
        Ok(())
    }

    /// Writes what the handle is on, and below it, as `prefix` and `name`.
    pub(crate) fn node(
        &mut self,
        handle: BorrowedFd<'_>,
        prefix: &[u8],
        name: &[u8],
        depth: usize,
    ) -> Result<()> {
        let stat = fstat(handle).context(|| "stat")?;
        if self.upper && tree::is_whiteout(&stat) {
            let mut entry = Entry::new([prefix, whiteout::PREFIX, name].concat(), Kind::File, DELETION_MODE);
            entry.mtime = mtime(&stat);
            return self.out.append(&entry, &mut io::empty());
        }
        let path = [prefix, name].concat();
        match tree::file_type(&stat) {
            FileType::Directory => self.dir(handle, path, &stat, depth),
            FileType::RegularFile => self.file(handle, path, &stat),
            FileType::Symlink => {
                let mut entry = self.entry(path, Kind::Symlink, &stat);
                entry.link = readlinkat(handle, "", Vec::new()).context(|| "readlink")?.into_bytes();
                self.size += entry.link.len() as u64;
                self.out.append(&entry, &mut io::empty())
            }
            FileType::CharacterDevice | FileType::BlockDevice => {
                let kind =
                    if tree::file_type(&stat) == FileType::BlockDevice { Kind::Block } else { Kind::Char };
                let mut entry = self.entry(path, kind, &stat);
                entry.device = (major(stat.st_rdev), minor(stat.st_rdev));
                self.out.append(&entry, &mut io::empty())
            }
            FileType::Fifo => {
                let entry = self.entry(path, Kind::Fifo, &stat);
                self.out.append(&entry, &mut io::empty())
            }
            // A socket means nothing without its process; tar has no word for it.
            _ => Ok(()),
        }
    }

    fn entry(&self, path: Vec<u8>, kind: Kind, stat: &Stat) -> Entry {
        let mut entry = Entry::new(path, kind, stat.st_mode & 0o7777);
        let ids = (stat.st_uid, stat.st_gid);
        (entry.uid, entry.gid) = self.ids.map_or(ids, |map| map.seen(ids.0, ids.1));
        entry.mtime = mtime(stat);
        entry
    }

    fn dir(&mut self, handle: BorrowedFd<'_>, mut path: Vec<u8>, stat: &Stat, depth: usize) -> Result<()> {
        let dir = openat(handle, ".", DIRECTORY, Mode::empty()).context(|| "open directory")?;
        if !path.ends_with(b"/") {
            path.push(b'/');
        }
        let mut entry = self.entry(path, Kind::Dir, stat);
        entry.xattrs = xattrs(dir.as_fd(), &mut self.buffer)?;
        self.out.append(&entry, &mut io::empty())?;
        if self.upper && is_opaque(dir.as_fd())? {
            let mut mark = Entry::new([&entry.path, whiteout::OPAQUE].concat(), Kind::File, OPAQUE_MODE);
            (mark.uid, mark.gid) = (entry.uid, entry.gid);
            self.out.append(&mark, &mut io::empty())?;
        }
        if tree::is_of_the_kernel(&dir).context(|| "statfs")? {
            return Ok(());
        }
        self.children(dir.as_fd(), &entry.path, depth + 1)
    }

    fn file(&mut self, handle: BorrowedFd<'_>, path: Vec<u8>, stat: &Stat) -> Result<()> {
        let mut entry = self.entry(path, Kind::File, stat);
        if stat.st_nlink > 1 {
            let inode = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.first_names.get(&inode) {
                entry.kind = Kind::HardLink;
                entry.link.clone_from(first);
                return self.out.append(&entry, &mut io::empty());
            }
            self.first_names.insert(inode, entry.path.clone());
        }
        let mut file = reopen(handle)?;
        entry.xattrs = xattrs(file.as_fd(), &mut self.buffer)?;
        entry.size = u64::try_from(stat.st_size).unwrap_or(0);
        self.size += entry.size;
        self.out.append(&entry, &mut file)
    }
}

/// Opens for reading what a handle is on; to be called for regular files only.
fn reopen(handle: BorrowedFd<'_>) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOATIME;
    let path = tree::proc_path(handle);
    match rustix::fs::open(path.as_str(), flags, Mode::empty()) {
        // Not leaving access times behind is a nicety that some filesystems refuse.
        Err(Errno::PERM) => rustix::fs::open(path.as_str(), flags - OFlags::NOATIME, Mode::empty()),
        other => other,
    }
    .map(File::from)
    .context(|| "open")
}

/// Whole seconds, as Docker writes them: the same tree gives the same archive after a round trip through any tool.
fn mtime(stat: &Stat) -> Time {
    Time { seconds: stat.st_mtime, nanoseconds: 0 }
}

pub(crate) fn is_opaque(dir: BorrowedFd<'_>) -> Result<bool> {
    let mut value = [0; 2];
    match fgetxattr(dir, whiteout::OPAQUE_XATTR, &mut value) {
        Ok(count) => Ok(value[..count] == *b"y"),
        Err(Errno::NODATA | Errno::NOTSUP | Errno::RANGE) => Ok(false),
        Err(error) => Err(error).context(|| "read whether a directory is opaque"),
    }
}

/// The attributes that go into an archive, sorted: those that an archive may set. `buffer` has the kernel's limit of a
/// list and of a value, so that one call each is enough.
fn xattrs(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Vec<Xattr>> {
    let size = match flistxattr(fd, &mut *buffer) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
        other => other.context(|| "list extended attributes")?,
    };
    let kept = buffer[..size].split(|b| *b == 0).filter(|name| crate::extract::is_kept(name));
    let mut names: Vec<Vec<u8>> = kept.map(<[u8]>::to_vec).collect();
    names.sort_unstable();
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        match fgetxattr(fd, name.as_slice(), &mut *buffer) {
            Ok(count) => all.push((name, buffer[..count].to_vec())),
            Err(Errno::NODATA) => {} // removed meanwhile
            Err(error) => return Err(error).context(|| "read an extended attribute"),
        }
    }
    Ok(all)
}

/// A handle's directory, opened for reading.
pub(crate) fn open_dir(handle: BorrowedFd<'_>) -> Result<OwnedFd> {
    openat(handle, ".", DIRECTORY, Mode::empty()).context(|| "open directory")
}
