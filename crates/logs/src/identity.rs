//! Telling the files of a log apart, also after a restart and after they were compressed.
//!
//! A file's number alone does not do: numbers are used again as soon as a file is gone, and a compressed file remembers
//! the number of one that is. So the time of its making and its first bytes count too.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Bytes at the beginning that are looked at; every record is longer.
const MARK: usize = 24;

/// What is known of a log file for all its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// Its number in the file system.
    #[serde(default)]
    pub inode: u64,
    /// When it was made, in nanoseconds; 0 if the file system does not say.
    #[serde(default)]
    pub born: u64,
    /// Made of its first bytes; 0 as long as there are too few.
    #[serde(default)]
    pub mark: u64,
}

impl Identity {
    /// Of an open, uncompressed file.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        let born = meta.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let mut start = [0; MARK];
        let mark = if meta.len() < MARK as u64 {
            0
        } else {
            file.read_exact_at(&mut start, 0)?;
            // FNV-1a
            start.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
        };
        let born = born.map_or(0, |born| u64::try_from(born.as_nanos()).unwrap_or(0));
        Ok(Self { inode: meta.ino(), born, mark })
    }

    /// Whether both are of one file; a file that had no mark yet may have got one.
    pub(crate) fn same(self, other: Self) -> bool {
        self.inode != 0
            && self.inode == other.inode
            && self.born == other.born
            && (self.mark == other.mark || self.mark == 0 || other.mark == 0)
    }
}
