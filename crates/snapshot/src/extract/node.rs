//! Making each kind of file, and its owner, mode, attributes and time.

use std::fs::File;
use std::io::BufRead;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use errdefs::{Context, Result, invalid};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Uid, XattrFlags, chownat, fchmod, fchown, fsetxattr, futimens,
    linkat, makedev, mkdirat, mknodat, openat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::{Extractor, Parent, Room, timestamps, whiteout};
use crate::limits::RESOLVE_ATTEMPTS_MAX;
use crate::tarball::{Entry, Kind, Reader};
use crate::tree::{self, DIRECTORY, HANDLE};

impl Extractor<'_> {
    pub(super) fn file(
        &mut self,
        reader: &mut Reader<impl BufRead>,
        entry: &Entry,
        parent: &[u8],
        name: &[u8],
    ) -> Result<()> {
        self.count(entry)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        let (fd, setgid) =
            self.make(entry, parent, name, |dir| Ok((openat(&dir.fd, name, flags, mode)?, dir.setgid)))?;
        let file = File::from(fd);
        reader.extract_content(entry, &file)?;
        self.set_all(file.as_fd(), entry, setgid)?;
        futimens(&file, &timestamps(entry.mtime)).context(|| "set time")
    }

    fn count(&mut self, entry: &Entry) -> Result<()> {
        let bytes = match &entry.pieces {
            Some(pieces) => pieces.iter().map(|(_, length)| length).sum(),
            None => entry.size,
        };
        self.done.bytes = self.done.bytes.saturating_add(bytes);
        self.done.size = self.done.size.saturating_add(entry.size);
        match self.policy.max_bytes {
            Some(max) if self.done.bytes > max => {
                Err(invalid(format!("the archive has more than {max} bytes of content")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn dir(&mut self, entry: &Entry, path: &[u8]) -> Result<()> {
        let (parent, name) = tree::split(path);
        let mode = Mode::from_raw_mode(entry.mode & 0o1777);
        let mut hides = false;
        for _ in 0..RESOLVE_ATTEMPTS_MAX {
            let dir = self.parent(parent)?;
            match mkdirat(&dir.fd, name, mode) {
                Ok(()) => {
                    let inherited = dir.setgid;
                    return self.dir_made(entry, path, inherited, hides);
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error).context(|| "make a directory"),
            }
            match self.make_room(entry, parent, name)? {
                Room::Merge => return self.dir_made(entry, path, true, false),
                Room::FreeOfWhiteout => hides = true,
                Room::Free => {}
            }
        }
        Err(Errno::EXIST).context(|| "something is put in the way again and again")
    }

    fn dir_made(&mut self, entry: &Entry, path: &[u8], inherited: bool, hides: bool) -> Result<()> {
        if inherited || hides || self.differs(entry) {
            let (parent, name) = tree::split(path);
            let fd =
                openat(&self.parent(parent)?.fd, name, DIRECTORY, Mode::empty()).context(|| "open it")?;
            if hides {
                whiteout::set_opaque(fd.as_fd())?;
            }
            self.set_all(fd.as_fd(), entry, inherited)?;
        }
        self.time_of_dir_later(path.to_vec(), entry.mtime)
    }

    pub(super) fn symlink(&mut self, entry: &Entry, parent: &[u8], name: &[u8]) -> Result<()> {
        if entry.link.len() > crate::limits::PATH_BYTES_MAX {
            return Err(invalid("too long a target of a symbolic link"));
        }
        let (uid, gid) = (entry.uid, entry.gid);
        let maker = self.maker();
        self.make(entry, parent, name, |dir| {
            symlinkat(entry.link.as_slice(), &dir.fd, name)?;
            if (uid, gid) != maker || dir.setgid {
                chownat(
                    &dir.fd,
                    name,
                    Some(Uid::from_raw(uid)),
                    Some(Gid::from_raw(gid)),
                    AtFlags::SYMLINK_NOFOLLOW,
                )?;
            }
            utimensat(&dir.fd, name, &timestamps(entry.mtime), AtFlags::SYMLINK_NOFOLLOW)
        })
    }

    /// The target is a path in the same archive. Neither of the two links followed may lead out, and the last
    /// component is not followed at all.
    pub(super) fn hard_link(&mut self, entry: &Entry, parent: &[u8], name: &[u8]) -> Result<()> {
        let target = tree::clean(&entry.link)?;
        if target.is_empty() {
            return Err(invalid("a hard link to a directory"));
        }
        let (target_parent, target_name) = tree::split(&target);
        let whole = tree::join(&self.base, target_parent);
        let target_dir: OwnedFd = tree::open_in(self.root, &whole, HANDLE | OFlags::DIRECTORY)
            .context(|| format!("hard link to {:?}", String::from_utf8_lossy(&entry.link)))?;
        let there = tree::stat_at(&target_dir, target_name)
            .context(|| format!("hard link to {:?}", String::from_utf8_lossy(&entry.link)))?;
        if self.policy.layer && tree::is_whiteout(&there) {
            return Err(invalid("a hard link to a deletion"));
        }
        if target == tree::join(parent, name) {
            return Err(invalid("a hard link to itself"));
        }
        self.make(entry, parent, name, |dir| {
            linkat(&target_dir, target_name, &dir.fd, name, AtFlags::empty())
        })
    }

    pub(super) fn device(&mut self, entry: &Entry, parent: &[u8], name: &[u8]) -> Result<()> {
        let kind = match entry.kind {
            Kind::Char => FileType::CharacterDevice,
            Kind::Block => FileType::BlockDevice,
            _ => FileType::Fifo,
        };
        if entry.kind == Kind::Char && entry.device == (0, 0) {
            return Err(invalid("a character device 0:0 would delete what is below"));
        }
        let device = makedev(entry.device.0, entry.device.1);
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        let handle = self.make(entry, parent, name, |dir: &Parent| {
            mknodat(&dir.fd, name, kind, mode, device)?;
            openat(&dir.fd, name, HANDLE | OFlags::NOFOLLOW, Mode::empty())
        })?;
        let made = rustix::fs::fstat(&handle).context(|| "look at it")?;
        if tree::file_type(&made) != kind {
            return Err(invalid("it was replaced while it was made"));
        }
        let (uid, gid) = (entry.uid, entry.gid);
        chownat(&handle, "", Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::EMPTY_PATH)
            .and_then(|()| tree::chmod_handle(&handle, entry.mode))
            .context(|| "set owner and mode")?;
        utimensat(&handle, "", &timestamps(entry.mtime), AtFlags::EMPTY_PATH).context(|| "set time")
    }

    /// True if a file just made with the entry's mode is not yet as the entry wants it.
    fn differs(&self, entry: &Entry) -> bool {
        (entry.uid, entry.gid) != self.maker()
            || entry.mode & (self.umask | 0o6000) != 0
            || !entry.xattrs.is_empty()
            || (entry.kind == Kind::File && entry.mode & 0o1000 != 0)
    }

    /// Sets what differs; everything if `inherited` (the parent gave its group, or the file was there before).
    /// Order: chown clears setuid bits and capabilities, so mode and attributes come after it.
    pub(super) fn set_all(&self, fd: BorrowedFd<'_>, entry: &Entry, inherited: bool) -> Result<()> {
        if !inherited && !self.differs(entry) {
            return Ok(());
        }
        let (uid, gid) = (entry.uid, entry.gid);
        if inherited || (uid, gid) != self.maker() {
            fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).context(|| "set owner")?;
        }
        fchmod(fd, Mode::from_raw_mode(entry.mode)).context(|| "set mode")?;
        for (name, value) in entry.xattrs.iter().filter(|(name, _)| is_kept(name)) {
            match fsetxattr(fd, name.as_slice(), value, XattrFlags::empty()) {
                // The filesystem has no such attributes, or not on such files: as Docker, better without them.
                Ok(()) | Err(Errno::NOTSUP | Errno::PERM) => {}
                Err(error) => return Err(error).context(|| "set an extended attribute"),
            }
        }
        Ok(())
    }
}

/// The attributes that an archive may set. Not: `trusted.*`, `user.overlay.*` (orders to overlayfs), `security.*` but
/// capabilities (labels of another host's policy).
pub(crate) fn is_kept(name: &[u8]) -> bool {
    match name {
        b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default" => true,
        _ => name.starts_with(b"user.") && !name.starts_with(b"user.overlay."),
    }
}
