//! A log file that is appended to in whole records and rotated by renaming.
//!
//! Invariant: the file always ends at the end of a record, as far as this process can help it: a write that failed half
//! way is cut off again before the next, and a tail torn by a crash is cut off when the file is opened.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use errdefs::{Context as _, Result};

use rustix::fs::{FlockOperation, flock};

use crate::config::WriterConfig;
use crate::decode;

/// The current file of a log and its place.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    /// Bytes known to be whole records.
    len: u64,
    /// The file holds more than `len`: half of a record that could not be written.
    torn: bool,
    max_size: Option<u64>,
    max_file: u32,
    compress: bool,
    /// Files have been rotated away that are to be compressed.
    rotated: bool,
}

/// `<path>.<n>`, the name of a rotated file; 1 is the newest.
pub(crate) fn rotated(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// `<path>.<n>.gz`, what a rotated file becomes when it is compressed.
pub(crate) fn packed(path: &Path, n: u32) -> PathBuf {
    let mut name = rotated(path, n).into_os_string();
    name.push(".gz");
    name.into()
}

/// Keeps the names of rotated files from changing under whoever holds it: the writer rotates and the compressor replaces
/// files, each in a process of its own. Held for a few renames only.
pub(crate) fn lock_names(path: &Path) -> io::Result<File> {
    let directory = File::open(path.parent().unwrap_or(Path::new("/")))?;
    rustix::io::retry_on_intr(|| flock(&directory, FlockOperation::LockExclusive))?;
    Ok(directory)
}

impl LogFile {
    /// Opens or creates the file (0640, as Docker's) and cuts off a torn tail.
    pub(crate) fn open(config: &WriterConfig) -> Result<Self> {
        let path = &config.path;
        let file = create(path, false).context(|| format!("open log {}", path.display()))?;
        let size = file.metadata().context(|| format!("stat log {}", path.display()))?.len();
        let len = decode::whole_len(&file, config.driver, size)
            .context(|| format!("read log {}", path.display()))?;
        Ok(Self {
            path: path.clone(),
            file,
            len,
            torn: len != size,
            max_size: config.max_size,
            max_file: config.max_file,
            compress: config.compress,
            rotated: config.compress,
        })
    }

    /// Whether there are rotated files to compress that the caller has not been told of.
    pub(crate) fn take_rotated(&mut self) -> bool {
        std::mem::take(&mut self.rotated)
    }

    /// How many bytes fit before the next record starts a new file; `None`: no limit.
    pub(crate) fn room(&self) -> Option<u64> {
        self.max_size.map(|max| max.saturating_sub(self.len))
    }

    /// Appends whole records. On an error none of them counts as written.
    pub(crate) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        if self.max_size.is_some_and(|max| self.len >= max) {
            // A file too large is better than lines lost: when there is no room for a new file, the old one goes on.
            let _ = self.rotate();
        }
        if self.torn {
            self.file.set_len(self.len)?;
            self.torn = false;
        }
        // At a known offset, not O_APPEND: a half-written record is then overwritten even if it could not be cut off.
        match self.file.write_all_at(records, self.len) {
            Ok(()) => {
                self.len += records.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.torn = true;
                let _ = self.file.set_len(self.len).map(|()| self.torn = false);
                Err(error)
            }
        }
    }

    /// Shifts the files by one name and starts a new one. With one file, the new one takes its place: emptying the old
    /// would leave a reader that follows with an offset that may mean anything.
    fn rotate(&mut self) -> io::Result<()> {
        // The new file first: if it cannot be had, no name has moved.
        let staged = rotated(&self.path, 0);
        let file = create(&staged, true)?;
        let _names = self.compress.then(|| lock_names(&self.path)).transpose()?;
        let last = self.max_file.saturating_sub(1);
        if self.compress {
            // Of each number there is one file, in one form or the other.
            ignore_missing(std::fs::remove_file(rotated(&self.path, last)))?;
            ignore_missing(std::fs::remove_file(packed(&self.path, last)))?;
        }
        for n in (1..last).rev() {
            ignore_missing(std::fs::rename(rotated(&self.path, n), rotated(&self.path, n + 1)))?;
            if self.compress {
                ignore_missing(std::fs::rename(packed(&self.path, n), packed(&self.path, n + 1)))?;
            }
        }
        if self.max_file > 1 {
            ignore_missing(std::fs::rename(&self.path, rotated(&self.path, 1)))?;
        }
        std::fs::rename(&staged, &self.path)?;
        self.file = file;
        self.len = 0;
        self.torn = false;
        self.rotated = self.compress;
        Ok(())
    }
}

fn create(path: &Path, empty: bool) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(empty).mode(0o640).open(path)
}

pub(crate) fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
