//! Tar archives: one strict reader and one writer for everything in Hythe that reads or writes tar.
//!
//! Own code, because the parsers at hand either hold headers of any size in memory, cut binary attribute values at a
//! newline, or quietly skip records that they cannot read; and because archives that two parsers read differently
//! are a way to smuggle files past a scanner. What is ambiguous is refused: two headers for one thing, a size on an
//! entry that has no content, pax records that do not add up, header types nobody writes.
//!
//! Read: v7, ustar, pax, GNU (long names, base-256 numbers, sparse files in the old form and pax 0.1 and 1.0).
//! Written: ustar, with pax records for what does not fit.

mod header;
mod pax;
mod reader;
mod sparse;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file; its content follows.
    File,
    /// Another name of an earlier entry, named by `link`.
    HardLink,
    /// A symbolic link to `link`.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A directory.
    Dir,
    /// A named pipe.
    Fifo,
}

/// A time: seconds since 1970, and nanoseconds (0 to 999,999,999) after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// The rest.
    pub nanoseconds: u32,
}

/// An extended attribute: its name and its value.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// One entry of an archive, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path as written; not checked for anything but NUL.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// The target of a link, else empty.
    pub link: Vec<u8>,
    /// Permission bits with setuid, setgid, sticky: 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size of the file in bytes (of a sparse file: with its holes); 0 for all other kinds.
    pub size: u64,
    /// Modification time.
    pub mtime: Time,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Extended attributes.
    pub xattrs: Vec<Xattr>,
    /// The pieces of a sparse file that are in the archive: offset and length, in order.
    pub(crate) pieces: Option<Vec<(u64, u64)>>,
}

impl Entry {
    /// An entry with everything that is optional empty.
    pub fn new(path: impl Into<Vec<u8>>, kind: Kind, mode: u32) -> Self {
        Self {
            path: path.into(),
            kind,
            link: Vec::new(),
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: Time::default(),
            device: (0, 0),
            xattrs: Vec::new(),
            pieces: None,
        }
    }

    /// The path for messages.
    pub fn display(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.path)
    }
}

#[cfg(test)]
mod tests;
