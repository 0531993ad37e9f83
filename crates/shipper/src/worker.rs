//! The thread that sends one container's log.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use errdefs::{Context as _, Result};
use logs::{Follow, Position, ReadOptions, Reader, Signal, WriterConfig};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::batch::{Batch, Message};
use crate::job::{Job, Remote};
use crate::link::{Cancelled, Link};

/// The log in its directory.
const LOG: &str = "container-cached.log";
/// The file that says how far the log has been sent.
const SENT: &str = "sent";
/// The longest pause between two tries to reach the receiver.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Where the cache of a log directory is.
pub(crate) fn cache(directory: &Path) -> PathBuf {
    directory.join(LOG)
}

/// Why a worker has come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything of the run that was followed has been sent.
    Sent,
    /// It was told to stop.
    Stopped,
}

/// What a worker needs.
pub(crate) struct Worker {
    pub(crate) directory: PathBuf,
    pub(crate) job: Job,
    /// Set when the log is complete.
    pub(crate) ended: Signal,
    pub(crate) cancelled: Signal,
}

impl Worker {
    /// Sends until the log has ended and everything of it is sent, or until told to stop.
    ///
    /// # Errors
    /// What makes sending impossible for ever: options that are none, a log that cannot be read.
    pub(crate) fn run(&self) -> Result<Outcome> {
        let mut remote = Remote::new(&self.job)?;
        let config = WriterConfig::cache(&self.job.options, cache(&self.directory))?;
        let sent = SentFile::open(&self.directory)?;
        let mut pause = remote.pause();
        let mut told = false;
        loop {
            let mut progress = false;
            let failed = match self.send(&mut remote, &config, &sent, &mut progress)? {
                Ok(outcome) => return Ok(outcome),
                Err(failed) => failed,
            };
            if progress {
                (pause, told) = (remote.pause(), false);
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(
                    container = self.job.subject.container_name,
                    driver = self.job.driver,
                    error = %failed,
                    "log receiver lost; what is not sent waits in the cache"
                );
            }
            if self.stopped_within(pause) {
                return Ok(Outcome::Stopped);
            }
            pause = (pause * 2).clamp(Duration::from_millis(10), PAUSE_MAX);
        }
    }

    /// Sends from the place that is noted until something goes wrong with the connection (the inner error).
    fn send(
        &self,
        remote: &mut Remote,
        config: &WriterConfig,
        sent: &SentFile,
        progress: &mut bool,
    ) -> Result<Result<Outcome, std::io::Error>> {
        let follow = Follow { ended: self.ended.clone(), cancelled: self.cancelled.clone() };
        let noted = sent.read();
        let from = Some(noted);
        let mut reader =
            Reader::open(config, ReadOptions { from, follow: Some(follow), ..ReadOptions::default() })?;
        let mut link: Option<Link> = None;
        let mut batch = Batch::default();
        // Where a log begins of which nothing was ever sent: without a place that is noted, its loss could not be told.
        let mut begin = None;
        loop {
            batch.clear();
            let Some(entry) = reader.next_entry()? else {
                let stopped = self.cancelled.is_set();
                return Ok(Ok(if stopped { Outcome::Stopped } else { Outcome::Sent }));
            };
            remote.encode(&Message::of(&entry), &mut batch);
            if begin.is_none() && noted == Position::default() {
                begin = reader.position()?.map(|here| Position { at: 0, ..here });
            }
            let mut dry = false;
            while !batch.is_full() && !dry {
                match reader.ready_entry()? {
                    Some(entry) => remote.encode(&Message::of(&entry), &mut batch),
                    None => dry = true,
                }
            }
            if reader.missed() {
                tracing::warn!(
                    container = self.job.subject.container_name,
                    driver = self.job.driver,
                    "the log's cache was full: lines were thrown away before they could be sent"
                );
            }
            if !batch.is_empty() {
                match self.deliver(remote, &mut link, &batch) {
                    Ok(Ok(())) => {}
                    Ok(Err(Cancelled)) => return Ok(Ok(Outcome::Stopped)),
                    Err(error) => {
                        if let Some(begin) = begin.filter(|_| !*progress) {
                            sent.write(begin)?;
                        }
                        return Ok(Err(error));
                    }
                }
                *progress = true;
            }
            if let Some(position) = reader.position()? {
                sent.write(position)?;
            }
            if dry {
                // Nothing more for now: a quiet container holds no memory.
                reader.trim();
                batch.bytes = Vec::new();
            }
        }
    }

    fn deliver(
        &self,
        remote: &Remote,
        link: &mut Option<Link>,
        batch: &Batch,
    ) -> std::io::Result<Result<(), Cancelled>> {
        if link.as_ref().is_some_and(Link::is_closed) {
            *link = None;
        }
        let link = match link {
            Some(link) => link,
            none => none.insert(remote.connect()?),
        };
        link.send(batch, &self.cancelled)
    }

    /// Waits; whether the order to stop has come.
    fn stopped_within(&self, pause: Duration) -> bool {
        let time = Timespec::try_from(pause).ok();
        let _ = poll(&mut [PollFd::new(&self.cancelled, PollFlags::IN)], time.as_ref());
        self.cancelled.is_set()
    }
}

/// The note of how far the log has been sent: 40 bytes, written at once, so that a kill leaves the old or the new one.
struct SentFile(File);

impl SentFile {
    fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(SENT);
        let file =
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        file.map(Self).context(|| format!("open {}", path.display()))
    }

    /// The place; the beginning if there is none.
    fn read(&self) -> Position {
        let mut bytes = [0; 40];
        let mut position = Position::default();
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return position;
        }
        let field =
            |n: usize| bytes[n * 8..].first_chunk::<8>().map_or(0, |field| u64::from_le_bytes(*field));
        let [inode, born, mark, at, check] = [0, 1, 2, 3, 4].map(field);
        if check == inode ^ born ^ mark ^ at {
            (position.file.inode, position.file.born, position.file.mark) = (inode, born, mark);
            position.at = at;
        }
        position
    }

    fn write(&self, position: Position) -> Result<()> {
        let logs::Identity { inode, born, mark } = position.file;
        let at = position.at;
        let fields = [inode, born, mark, at, inode ^ born ^ mark ^ at];
        let bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
        self.0.write_all_at(&bytes, 0).context(|| "note how far a log is sent")
    }
}
