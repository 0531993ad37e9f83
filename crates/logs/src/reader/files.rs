//! The files a log consists of, and the place in them to begin at.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ReadOptions;
use crate::Time;
use crate::compress::{self, About};
use crate::config::{Driver, WriterConfig};
use crate::decode::{self, Found, RECORD_MAX, TimeCache};
use crate::file::{packed, rotated};
use crate::identity::Identity;

/// Below this distance a binary search by time gives way to reading.
const NEAR: u64 = 128 * 1024;
/// Bytes looked at for one record in the binary search.
const PROBE: usize = 64 * 1024;

/// A place in a log that outlives the reader: the file and the offset in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// The file.
    pub file: Identity,
    /// Offset of the next record, in the file before it was compressed.
    pub at: u64,
}

/// A file being read.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: File,
    /// Offset of the next read.
    pub(super) at: u64,
    /// Where to stop; `None`: at the end, wherever that is by then.
    pub(super) limit: Option<u64>,
    /// What the header says if it was found compressed.
    pub(super) about: Option<About>,
    /// It still is.
    packed: bool,
}

impl Source {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Unpacks it, if that has to be done.
    pub(super) fn unpack(&mut self, directory: &Path) -> io::Result<()> {
        if self.packed {
            self.file = compress::unpack(&self.file, directory)?;
            self.packed = false;
            self.limit = Some(self.size()?);
        }
        Ok(())
    }

    /// Which file it is, or was before it was compressed.
    pub(super) fn identity(&self) -> io::Result<Identity> {
        match &self.about {
            Some(about) => Ok(about.identity),
            None => Identity::of(&self.file),
        }
    }

    /// It ends where it ends now.
    fn limit(&mut self) -> io::Result<()> {
        if !self.packed {
            self.limit = Some(self.size()?);
        }
        Ok(())
    }
}

/// The log's file of this number (0: the current one), in whichever form it is there.
pub(super) fn open_nth(path: &Path, n: u32) -> io::Result<Option<Source>> {
    let plain = if n == 0 { open_file(path)? } else { open_file(&rotated(path, n))? };
    if let Some(file) = plain {
        return Ok(Some(Source { file, at: 0, limit: None, about: None, packed: false }));
    }
    let Some(file) = open_file(&packed(path, n)).transpose().filter(|_| n > 0).transpose()? else {
        return Ok(None);
    };
    let about = Some(About::read(&file).unwrap_or_default());
    Ok(Some(Source { file, at: 0, limit: None, about, packed: true }))
}

fn open_file(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Which file is in this place.
pub(super) fn identity_of(path: &Path, n: u32) -> Option<Identity> {
    open_nth(path, n).ok().flatten()?.identity().ok()
}

/// What [`open`] has found.
pub(super) struct Opened {
    /// Oldest first, each at its place.
    pub(super) sources: VecDeque<Source>,
    /// The position asked for is no longer there: files have been thrown away unread.
    pub(super) missed: bool,
}

/// Opens the files that hold what is asked for.
pub(super) fn open(config: &WriterConfig, options: &ReadOptions) -> io::Result<Opened> {
    let (since, follow) = (options.since, options.follow.is_some());
    let directory = config.path.parent().unwrap_or(Path::new("/"));
    let mut sources: VecDeque<Source> = VecDeque::new();
    let mut known: Vec<Identity> = Vec::new();
    let mut wanted = options.tail;
    for n in 0..config.max_file.max(1) {
        // A gap among the names means a rotation is under way: look at the next name too.
        let Some(mut source) = open_nth(&config.path, n)? else { continue };
        let identity = source.identity()?;
        if known.iter().any(|&known| identity.same(known)) {
            continue;
        }
        known.push(identity);
        if !(follow && n == 0) {
            source.limit()?;
        }
        if let Some(position) = options.from {
            let found = identity.same(position.file);
            if found {
                source.at = position.at;
            }
            sources.push_front(source);
            if found {
                return Ok(Opened { sources, missed: false });
            }
            continue;
        }
        let too_old = |about: &About| since.zip(about.last_time()).is_some_and(|(since, last)| last < since);
        if source.about.as_ref().is_some_and(too_old) {
            break;
        }
        if wanted.is_some() || since.is_some() {
            source.unpack(directory)?;
        }
        let size = source.size()?;
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
    Ok(Opened { sources, missed: options.from.is_some_and(|position| position != Position::default()) })
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
