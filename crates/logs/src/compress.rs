//! Compressing rotated files, in a process of its own: half a second of work must not hold up a container's output.
//!
//! Invariants: a file is there under one of its two names at any moment; a process killed half way leaves nothing (the
//! compressed file has no name before it is whole) and the next one does its work. The gzip header carries, as Docker's
//! does, the time of the last record, so that readers can pass over files that are too old without unpacking them; and
//! the number of the file it was made of, by which whoever was reading that finds it again.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use errdefs::{Context as _, Result};
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, linkat, open};
use serde::{Deserialize, Serialize};

use crate::config::{Driver, WriterConfig};
use crate::decode::{self, TimeCache};
use crate::file::{ignore_missing, lock_names, packed, rotated};
use crate::identity::Identity;
use crate::time::Time;

/// What the gzip header says of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct About {
    /// RFC 3339; Docker's name.
    #[serde(rename = "lastTime")]
    last_time: String,
    /// Of the file before it was compressed; nothing in a file of Docker's.
    #[serde(default, flatten)]
    pub(crate) identity: Identity,
}

impl About {
    /// Reads the header of a compressed file; `None` if it has none of ours or Docker's.
    pub(crate) fn read(file: &File) -> Option<Self> {
        let mut start = [0; 512];
        let len = std::os::unix::fs::FileExt::read_at(file, &mut start, 0).ok()?;
        let decoder = GzDecoder::new(&start[..len]);
        serde_json::from_slice(decoder.header()?.extra()?).ok()
    }

    /// When the last record was written.
    pub(crate) fn last_time(&self) -> Option<Time> {
        Time::parse(self.last_time.as_bytes())
    }
}

/// Compresses every rotated file of the log that no other process is compressing already.
///
/// # Errors
/// `System`; the files are as they were then. Among the reasons is a file system without unnamed files.
pub fn compress(config: &WriterConfig) -> Result<()> {
    while let Some(file) = next(config)? {
        pack(config, &file).context(|| format!("compress a file of log {}", config.path.display()))?;
    }
    Ok(())
}

/// A rotated file nobody is at work on; it is held by its lock.
fn next(config: &WriterConfig) -> Result<Option<File>> {
    for n in (1..config.max_file).rev() {
        let Ok(file) = File::open(rotated(&config.path, n)) else { continue };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
            // Another process may have been done with it just before.
            && file.metadata().is_ok_and(|meta| meta.nlink() > 0)
        {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

fn pack(config: &WriterConfig, file: &File) -> io::Result<()> {
    let identity = Identity::of(file)?;
    let mut last_time = String::new();
    last(config.driver, file)?.unwrap_or_default().write_trimmed(&mut last_time);
    let about = serde_json::to_vec(&About { last_time, identity })?;
    let directory = config.path.parent().unwrap_or(Path::new("/"));
    let made: File =
        open(directory, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::from_raw_mode(0o640))?
            .into();
    let mut encoder = GzBuilder::new().extra(about).write(&made, Compression::fast());
    io::copy(&mut &*file, &mut encoder)?;
    encoder.finish()?.flush()?;
    let _names = lock_names(&config.path)?;
    for n in 1..config.max_file {
        let name = rotated(&config.path, n);
        if std::fs::metadata(&name).is_ok_and(|meta| meta.ino() == identity.inode) {
            // A leftover of a process that was killed between the two names.
            ignore_missing(std::fs::remove_file(packed(&config.path, n)))?;
            let source = format!("/proc/self/fd/{}", made.as_fd().as_raw_fd());
            linkat(CWD, source.as_str(), CWD, packed(&config.path, n), AtFlags::SYMLINK_FOLLOW)?;
            return std::fs::remove_file(&name);
        }
    }
    // It has grown too old meanwhile.
    Ok(())
}

/// The time of the file's last record.
fn last(driver: Driver, file: &File) -> io::Result<Option<Time>> {
    let size = file.metadata()?.len();
    let (at, _) = decode::tail(file, driver, size, 1)?;
    let mut bytes = Vec::new();
    let mut reader = file;
    io::Seek::seek(&mut reader, io::SeekFrom::Start(at))?;
    reader.take(decode::RECORD_MAX as u64).read_to_end(&mut bytes)?;
    io::Seek::rewind(&mut reader)?;
    let record = match decode::find(driver, &bytes) {
        decode::Found::Record(len) => bytes.get(..len),
        _ => None,
    };
    let time = record.and_then(|record| {
        decode::record(driver, record, &mut Vec::new(), &mut TimeCache::default()).map(|record| record.time)
    });
    Ok(time)
}

/// Unpacks a compressed file into one without a name beside it; into memory if the disk has no room.
pub(crate) fn unpack(file: &File, directory: &Path) -> io::Result<File> {
    let unnamed = open(directory, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    if let Ok(made) = unnamed
        && let Ok(made) = unpack_into(file, made.into())
    {
        return Ok(made);
    }
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    unpack_into(file, rustix::fs::memfd_create(c"hythe-unpacked-log", flags)?.into())
}

fn unpack_into(file: &File, mut made: File) -> io::Result<File> {
    let mut reader = file;
    io::Seek::rewind(&mut reader)?;
    let mut decoder = flate2::read::GzDecoder::new(reader);
    match io::copy(&mut decoder, &mut made) {
        // Damage costs what is behind it, not the log.
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
            ) =>
        {
            Err(error)
        }
        _ => Ok(made),
    }
}
