//! Deletions in image layers: `.wh.NAME` files, made here in the form that overlayfs obeys.
//!
//! A layer deletes what is *below* it only. So a deletion beside an entry of the same name in the same layer means,
//! whichever comes first: the entry stays, and hides what is below (a directory is made opaque).

use std::os::fd::BorrowedFd;

use errdefs::{Context, Result, invalid};
use rustix::fs::{FileType, Mode, XattrFlags, fsetxattr, mknodat, openat};
use rustix::io::Errno;

use crate::tree::{self, DIRECTORY};

pub(crate) const PREFIX: &[u8] = b".wh.";
/// Names that began the union filesystem's own files; only the opaque mark below has a meaning today.
const META_PREFIX: &[u8] = b".wh..wh.";
pub(crate) const OPAQUE: &[u8] = b".wh..wh..opq";

pub(crate) const OPAQUE_XATTR: &str = "trusted.overlay.opaque";

/// What a `.wh.` name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// Nothing below the directory is to be seen.
    Opaque,
    /// The name is deleted.
    Deleted(&'a [u8]),
    /// A file of the old union filesystem.
    Ignored,
}

impl<'a> Mark<'a> {
    pub(super) fn of(parent: &[u8], name: &'a [u8]) -> Result<Option<Self>> {
        match parent.split(|b| *b == b'/').find(|component| component.starts_with(PREFIX)) {
            Some(component) if component.starts_with(META_PREFIX) => return Ok(Some(Self::Ignored)),
            Some(_) => return Err(invalid("a file inside a deletion")),
            None => {}
        }
        let Some(deleted) = name.strip_prefix(PREFIX) else { return Ok(None) };
        Ok(Some(match deleted {
            _ if name == OPAQUE => Self::Opaque,
            _ if name.starts_with(META_PREFIX) => Self::Ignored,
            b"" | b"." | b".." => return Err(invalid("a deletion of nothing")),
            _ => Self::Deleted(deleted),
        }))
    }
}

/// Makes the mark in the directory it is about.
pub(super) fn make(dir: BorrowedFd<'_>, mark: Mark<'_>) -> Result<()> {
    match mark {
        Mark::Ignored => Ok(()),
        Mark::Opaque => open_and_set_opaque(dir, b"."),
        Mark::Deleted(name) => match mknodat(dir, name, FileType::CharacterDevice, Mode::empty(), 0) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => {
                let there = tree::stat_at(dir, name).context(|| "look at what is deleted")?;
                if tree::file_type(&there).is_dir() { open_and_set_opaque(dir, name) } else { Ok(()) }
            }
            Err(error) => Err(error).context(|| "make a deletion"),
        },
    }
}

fn open_and_set_opaque(dir: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    let dir = openat(dir, name, DIRECTORY, Mode::empty()).context(|| "open a directory to make it opaque")?;
    set_opaque(dir)
}

pub(super) fn set_opaque(dir: impl std::os::fd::AsFd) -> Result<()> {
    fsetxattr(dir, OPAQUE_XATTR, b"y", XattrFlags::empty()).context(|| "make a directory opaque")
}
