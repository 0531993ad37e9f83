//! The reading half of a log: tail, since, until and follow, through rotated files.
//!
//! Invariants: a reader opens files only, it never talks to the writer; what it has begun to read it finishes even if
//! it is rotated or removed meanwhile; it holds one buffer, however large the log. `tail` counts records of both streams,
//! before `since` and the choice of streams apply, as Docker does.
//! Times come from the wall clock: where it was set back, `since` may start a little early or late, as with Docker.

mod files;
mod follow;

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use errdefs::{Context as _, Result, not_implemented};

use crate::config::{Driver, WriterConfig};
use crate::decode::{self, Found, RECORD_MAX, TimeCache};
use crate::{Entry, Partial, Render, Signal, Stream, Time};
pub use files::Position;
use files::Source;
use follow::Watch;

/// Bytes asked of the file at a time.
const READ: usize = 256 * 1024;
/// [`Reader::fill`] stops after this many rendered bytes, so that a consumer gets them in pieces it can pass on.
const FILL: usize = 128 * 1024;

/// What to read.
#[derive(Debug, Default)]
pub struct ReadOptions {
    /// Only this many last records; `None`: all.
    pub tail: Option<u64>,
    /// Nothing before this time.
    pub since: Option<Time>,
    /// Nothing after this time; following ends then.
    pub until: Option<Time>,
    /// Go on with what is written later.
    pub follow: Option<Follow>,
    /// Begin here, where an earlier reader stood; not together with `tail` and `since`. What has been thrown away since
    /// then is [`Reader::missed`].
    pub from: Option<Position>,
}

/// When to stop waiting for more.
#[derive(Debug, Clone)]
pub struct Follow {
    /// To be set when the container has exited and its shim has written everything (the `Exited` event says so): what
    /// is in the files is read to the end, then the reader ends.
    pub ended: Signal,
    /// To be set when nobody listens any more: the reader ends at once.
    pub cancelled: Signal,
}

/// A position in a container's log.
#[derive(Debug)]
pub struct Reader {
    driver: Driver,
    path: PathBuf,
    max_file: u32,
    /// Files still to be read, oldest first; the first is being read.
    sources: VecDeque<Source>,
    since: Option<Time>,
    until: Option<Time>,
    watch: Option<Watch>,
    buffer: Vec<u8>,
    /// The unread part of `buffer`.
    start: usize,
    end: usize,
    scratch: Vec<u8>,
    times: TimeCache,
    current: Current,
    missed: bool,
    finished: bool,
}

/// The record that was read last, by its places in the buffers.
#[derive(Debug, Clone, Copy)]
struct Current {
    time: Time,
    stream: Stream,
    /// In `buffer`; `None`: all of `scratch`.
    text: Option<(usize, usize)>,
    attrs: Option<(usize, usize)>,
    /// Place of its id in `buffer`, ordinal, last.
    partial: Option<((usize, usize), u32, bool)>,
}

enum Step {
    Entry,
    /// Nothing more now.
    Dry,
    End,
}

impl Reader {
    /// Finds the place to begin at; a log that does not exist yet is an empty one.
    ///
    /// # Errors
    /// `NotImplemented` for the driver `none`, in Docker's words; `System` if the files cannot be read.
    pub fn open(config: &WriterConfig, options: ReadOptions) -> Result<Self> {
        if config.driver == Driver::None {
            return Err(not_implemented("configured logging driver does not support reading"));
        }
        // The watch first: what is written after the files have been measured must wake the reader.
        let watch = options.follow.clone().map(|follow| Watch::new(&config.path, follow)).transpose()?;
        let opened =
            files::open(config, &options).context(|| format!("open log {}", config.path.display()))?;
        Ok(Self {
            driver: config.driver,
            path: config.path.clone(),
            max_file: config.max_file,
            sources: opened.sources,
            since: options.since,
            until: options.until,
            watch,
            buffer: vec![0; READ],
            start: 0,
            end: 0,
            scratch: Vec::new(),
            times: TimeCache::default(),
            current: Current {
                time: Time(0),
                stream: Stream::Stdout,
                text: None,
                attrs: None,
                partial: None,
            },
            missed: opened.missed,
            finished: false,
        })
    }

    /// Where the next record will be read; `None` as long as there is no file.
    ///
    /// # Errors
    /// `System` if the file cannot be read.
    pub fn position(&self) -> Result<Option<Position>> {
        let Some(source) = self.sources.front() else { return Ok(None) };
        let at = source.at - (self.end - self.start) as u64;
        let file = source.identity().context(|| format!("read log {}", self.path.display()))?;
        Ok(Some(Position { file, at }))
    }

    /// Whether files were thrown away before they had been read; asking resets it.
    pub fn missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    /// The next record if it is there already; `None`: not now, or never ([`Reader::next_entry`] tells).
    ///
    /// # Errors
    /// `System` if a file cannot be read.
    pub fn ready_entry(&mut self) -> Result<Option<Entry<'_>>> {
        match self.advance(false)? {
            Step::Entry => Ok(Some(self.entry())),
            Step::Dry | Step::End => Ok(None),
        }
    }

    /// Gives back the buffer until something is read again.
    pub fn trim(&mut self) {
        if self.start == self.end {
            (self.buffer, self.start, self.end) = (Vec::new(), 0, 0);
            self.scratch = Vec::new();
        }
    }

    /// The next record; waits for it when following. `None`: the end.
    ///
    /// # Errors
    /// `System` if a file cannot be read.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>> {
        match self.advance(true)? {
            Step::Entry => Ok(Some(self.entry())),
            Step::Dry | Step::End => Ok(None),
        }
    }

    /// Appends rendered records to `out`: waits for the first one when following, then takes what is there, up to about
    /// 128 KiB. `false`: the end (`out` may have got the last ones).
    ///
    /// # Errors
    /// `System` if a file cannot be read.
    pub fn fill(&mut self, render: &Render, out: &mut Vec<u8>) -> Result<bool> {
        let before = out.len();
        loop {
            match self.advance(out.len() == before)? {
                Step::Entry => render.entry(&self.entry(), out),
                Step::Dry if out.len() == before => return Ok(false),
                Step::Dry => return Ok(true),
                Step::End => return Ok(false),
            }
            if out.len() - before >= FILL {
                return Ok(true);
            }
        }
    }

    fn entry(&self) -> Entry<'_> {
        let Current { time, stream, text, attrs, partial } = self.current;
        Entry {
            time,
            stream,
            line: text.map_or(&self.scratch[..], |(from, to)| &self.buffer[from..to]),
            attrs: attrs.and_then(|(from, to)| std::str::from_utf8(&self.buffer[from..to]).ok()),
            partial: partial.map(|((from, to), ordinal, last)| Partial {
                id: &self.buffer[from..to],
                ordinal,
                last,
            }),
        }
    }

    /// Moves to the next record that is asked for.
    fn advance(&mut self, wait: bool) -> Result<Step> {
        loop {
            if self.finished {
                return Ok(Step::End);
            }
            match decode::find(self.driver, &self.buffer[self.start..self.end]) {
                Found::Record(len) => {
                    let at = self.start;
                    self.start += len;
                    if self.take(at, at + len) {
                        return Ok(Step::Entry);
                    }
                }
                Found::Damage(len) => self.start += len,
                Found::Incomplete => {
                    let read = self.read().context(|| format!("read log {}", self.path.display()))?;
                    if read == 0 && !self.next_source(wait)? {
                        return Ok(if self.finished { Step::End } else { Step::Dry });
                    }
                }
            }
        }
    }

    /// Decodes a record; whether it is to be shown.
    fn take(&mut self, from: usize, to: usize) -> bool {
        let bytes = &self.buffer[from..to];
        let Some(record) = decode::record(self.driver, bytes, &mut self.scratch, &mut self.times) else {
            return false;
        };
        if self.since.is_some_and(|since| record.time < since) {
            return false;
        }
        if self.until.is_some_and(|until| record.time > until) {
            self.finished = true;
            return false;
        }
        let place = |part: &[u8]| {
            let offset = part.as_ptr().addr() - bytes.as_ptr().addr() + from;
            (offset, offset + part.len())
        };
        self.current = Current {
            time: record.time,
            stream: record.stream,
            text: record.text.map(place),
            attrs: record.attrs.map(|attrs| place(attrs.as_bytes())),
            partial: record.partial.map(|piece| {
                (if piece.id.is_empty() { (from, from) } else { place(piece.id) }, piece.ordinal, piece.last)
            }),
        };
        true
    }

    /// Reads on in the current file; 0 at its end.
    fn read(&mut self) -> io::Result<usize> {
        let Some(source) = self.sources.front_mut() else { return Ok(0) };
        source.unpack(self.path.parent().unwrap_or(Path::new("/")))?;
        if self.buffer.is_empty() {
            self.buffer = vec![0; READ];
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.buffer.len() {
            // A record larger than the buffer; `find` gives up on it at RECORD_MAX.
            self.buffer.resize((self.buffer.len() * 2).min(2 * RECORD_MAX + READ), 0);
        }
        let mut room = &mut self.buffer[self.end..];
        if let Some(limit) = source.limit {
            let left = usize::try_from(limit.saturating_sub(source.at)).unwrap_or(usize::MAX);
            let len = room.len().min(left);
            room = &mut room[..len];
        }
        let read = source.file.read_at(room, source.at)?;
        source.at += read as u64;
        self.end += read;
        Ok(read)
    }

    /// The current file has no more: goes to the next, or waits for more. `false`: there is none now (`finished` is set
    /// if there will be none).
    fn next_source(&mut self, wait: bool) -> Result<bool> {
        if self.sources.len() > 1 {
            self.sources.pop_front();
            // Half a record at the end of a file is never completed in the next one.
            (self.start, self.end) = (0, 0);
            return Ok(true);
        }
        let Some(watch) = &mut self.watch else {
            self.finished = true;
            return Ok(false);
        };
        match watch.moved_on(&mut self.sources, &self.path, self.max_file)? {
            follow::Moved::No => {}
            follow::Moved::Grew => return Ok(true),
            follow::Moved::On { missed } => {
                (self.start, self.end) = (0, 0);
                self.missed |= missed;
                return Ok(true);
            }
        }
        match watch.wait(wait, self.until)? {
            follow::Woken::More => Ok(true),
            follow::Woken::NotYet => Ok(false),
            follow::Woken::End => {
                self.finished = true;
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests;
