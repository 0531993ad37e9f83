//! Container logs: the files a shim writes and the daemon reads.
//!
//! The writing half ([`Writer`]) runs in the shim, one thread, no async: it cuts a container's output into lines as
//! Docker does (16 KiB, longer ones in parts), encodes whole batches with one clock read and one `write`, rotates, and
//! never fails: what the disk refuses is counted and the container goes on.
//! The reading half ([`Reader`]) runs in the daemon and needs nobody's help: it finds the last N lines by reading
//! backwards, `since` by binary search, follows by inotify through rotations, and steps over torn tails.
//!
//! Invariant: writer and readers share nothing but the files; a reader can never slow a container down.
//! Not a logging daemon, because then its death or its pace would be the container's.

pub mod config;
pub mod encode;
pub mod render;
pub mod signal;
pub mod time;

mod batch;
mod compress;
mod decode;
mod file;
mod identity;
mod reader;
mod split;
mod writer;

pub use compress::compress;
pub use config::{Driver, Mode, WriterConfig};
pub use identity::Identity;
pub use reader::{Follow, Position, ReadOptions, Reader};
pub use render::Render;
pub use signal::Signal;
pub use time::Time;
pub use writer::{Stats, Writer};

/// Which of the container's two output streams a line came from. A terminal's output is all [`Stream::Stdout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum Stream {
    /// Standard output; 1 is also its number in the attach framing.
    Stdout = 1,
    /// Standard error; 2 is also its number in the attach framing.
    Stderr = 2,
}

impl Stream {
    /// The name in log files: `stdout` or `stderr`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// One log entry, borrowed from the reader's buffer until the next one is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When the shim read it from the container.
    pub time: Time,
    /// Where it came from.
    pub stream: Stream,
    /// The bytes; they end in `\n` unless the line was cut at 16 KiB or the container ended without a newline.
    pub line: &'a [u8],
    /// The `attrs` object of the record as written (JSON text), if it has one.
    pub attrs: Option<&'a str>,
    /// Set if it is a piece of a line that was cut (`local` format only).
    pub partial: Option<Partial<'a>>,
}

/// Where a piece of a cut line stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial<'a> {
    /// The same for all pieces of the line, and for no other.
    pub id: &'a [u8],
    /// Which piece, from 1.
    pub ordinal: u32,
    /// Whether it is the last one.
    pub last: bool,
}

impl Entry<'_> {
    /// Whether this is not the end of its line.
    pub fn is_partial(&self) -> bool {
        self.line.last() != Some(&b'\n')
    }
}
