//! The files a log consists of, and the place in them to begin at.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use crate::Time;
use crate::config::{Driver, WriterConfig};
use crate::decode::{self, Found, RECORD_MAX, TimeCache};
use crate::file::rotated;

/// Below this distance a binary search by time gives way to reading.
const NEAR: u64 = 128 * 1024;
/// Bytes looked at for one record in the binary search.
const PROBE: usize = 64 * 1024;

/// A file being read.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: File,
    pub(super) inode: u64,
    /// Offset of the next read.
    pub(super) at: u64,
    /// Where to stop; `None`: at the end, wherever that is by then.
    pub(super) limit: Option<u64>,
}

impl Source {
    fn new(file: File) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        Ok(Self { file, inode, at: 0, limit: None })
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

pub(super) fn open_one(path: &Path) -> io::Result<Option<Source>> {
    match File::open(path) {
        Ok(file) => Source::new(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens the files that hold what is asked for, oldest first, each at its place.
pub(super) fn open(
    config: &WriterConfig,
    tail: Option<u64>,
    since: Option<Time>,
    follow: bool,
) -> io::Result<VecDeque<Source>> {
    let mut sources: VecDeque<Source> = VecDeque::new();
    let mut wanted = tail;
    for n in 0..config.max_file.max(1) {
        let path = if n == 0 { config.path.clone() } else { rotated(&config.path, n) };
        // A gap among the names means a rotation is under way: look at the next name too.
        let Some(mut source) = open_one(&path)? else { continue };
        if sources.iter().any(|known| known.inode == source.inode) {
            continue;
        }
        let size = source.size()?;
        if !(follow && n == 0) {
            source.limit = Some(size);
        }
        if let Some(left) = wanted {
            let (at, count) = decode::tail(&source.file, config.driver, size, left)?;
            source.at = at;
            wanted = Some(left - count);
        } else if let Some(since) = since {
            source.at = seek(&source.file, config.driver, size, since)?;
        }
        let begins_here = source.at > 0;
        sources.push_front(source);
        if wanted == Some(0) || (since.is_some() && begins_here) {
            break;
        }
    }
    Ok(sources)
}

/// An offset before which all records are older than `since`, and not far before the first that is not.
fn seek(file: &File, driver: Driver, size: u64, since: Time) -> io::Result<u64> {
    let (mut low, mut high) = (0, size);
    let mut buffer = vec![0; PROBE];
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        match probe(file, driver, middle, high, &mut buffer)? {
            Some((time, end)) if time < since => low = end,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The time of the first record that begins behind `from` and ends before `to`, and the offset of its end.
fn probe(
    file: &File,
    driver: Driver,
    from: u64,
    to: u64,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(Time, u64)>> {
    loop {
        let len = usize::try_from(to - from).unwrap_or(usize::MAX).min(buffer.len());
        let read = file.read_at(&mut buffer[..len], from)?;
        let bytes = &buffer[..read];
        // json-file: what stands before the first newline belongs to a record that began earlier.
        let mut at = match driver {
            Driver::Local => 0,
            Driver::JsonFile | Driver::None => memchr::memchr(b'\n', bytes).map_or(read, |i| i + 1),
        };
        let (mut scratch, mut times) = (Vec::new(), TimeCache::default());
        while at < read {
            match decode::find(driver, &bytes[at..]) {
                Found::Record(len) => {
                    if let Some(record) =
                        decode::record(driver, &bytes[at..at + len], &mut scratch, &mut times)
                    {
                        return Ok(Some((record.time, from + (at + len) as u64)));
                    }
                    at += if driver == Driver::Local { 1 } else { len };
                }
                Found::Damage(len) => at += len,
                // In the middle of a `local` file any bytes may look like a length.
                Found::Incomplete if driver == Driver::Local => at += 1,
                Found::Incomplete => break,
            }
        }
        if read < buffer.len() || buffer.len() > RECORD_MAX {
            return Ok(None);
        }
        buffer.resize(buffer.len() * 4, 0);
    }
}
