//! Waiting for a log to grow, to be rotated, or to end.
//!
//! One inotify watch on the log's directory tells of growth and of rotation alike. The order of the checks matters: the
//! end is looked at before the file is read for the last time, so nothing written before it can be missed.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::Path;

use errdefs::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use super::files::{Source, identity_of, open_nth};
use super::{Follow, Time};
use crate::identity::Identity;

/// What is being waited for.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
    follow: Follow,
    /// The end has been seen; what is in the files now is all there will be.
    ended: bool,
}

/// Why a wait is over.
pub(super) enum Woken {
    /// Something may have been written.
    More,
    /// Nothing yet, and the caller did not want to wait.
    NotYet,
    /// Nothing will come.
    End,
}

/// What has become of the file being read.
pub(super) enum Moved {
    /// Nothing.
    No,
    /// There is more in it.
    Grew,
    /// Another one is to be read, from its beginning.
    On {
        /// Others that came before it are gone.
        missed: bool,
    },
}

impl Watch {
    pub(super) fn new(path: &Path, follow: Follow) -> Result<Self> {
        let inotify =
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).context(|| "inotify_init")?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        let events = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&inotify, directory, events)
            .context(|| format!("watch {}", directory.display()))?;
        Ok(Self { inotify, follow, ended: false })
    }

    /// Waits until there may be more to read.
    pub(super) fn wait(&mut self, wait: bool, until: Option<Time>) -> Result<Woken> {
        if self.ended || self.follow.cancelled.is_set() {
            return Ok(Woken::End);
        }
        let timeout =
            if wait { until.map(|until| left(until, Time::now())) } else { Some(left(Time(0), Time(0))) };
        let mut fds = [
            PollFd::new(&self.inotify, PollFlags::IN),
            PollFd::new(&self.follow.ended, PollFlags::IN),
            PollFd::new(&self.follow.cancelled, PollFlags::IN),
        ];
        let ready = match poll(&mut fds, timeout.as_ref()) {
            Ok(ready) => ready,
            Err(Errno::INTR) => return Ok(Woken::More),
            Err(error) => return Err(error).context(|| "poll"),
        };
        let [_, ended, cancelled] = fds.map(|fd| !fd.revents().is_empty());
        if cancelled {
            return Ok(Woken::End);
        }
        if ready == 0 {
            return Ok(if wait { Woken::End } else { Woken::NotYet });
        }
        self.ended = ended;
        self.drain();
        Ok(Woken::More)
    }

    fn drain(&self) {
        let mut events = [0; 4096];
        while rustix::io::read(&self.inotify, &mut events).is_ok_and(|read| read > 0) {}
    }

    /// If the file being read has been rotated away or emptied, puts its successor behind it (or goes back to its start).
    pub(super) fn moved_on(
        &mut self,
        sources: &mut VecDeque<Source>,
        path: &Path,
        max_file: u32,
    ) -> Result<Moved> {
        let what = || format!("follow log {}", path.display());
        let Some(source) = sources.front_mut() else {
            let Some(first) = open_nth(path, 0).context(what)? else { return Ok(Moved::No) };
            sources.push_back(first);
            return Ok(Moved::On { missed: false });
        };
        let size = source.file.metadata().context(what)?.len();
        if size < source.at {
            source.at = 0;
            return Ok(Moved::On { missed: false });
        }
        if size > source.at {
            // Grew since it was read; also the last look before a successor is taken.
            return Ok(Moved::Grew);
        }
        let (identity, at) = (source.identity().context(what)?, source.at);
        let Some((next, missed)) = successor(identity, path, max_file).context(what)? else {
            return Ok(Moved::No);
        };
        // It may have grown between the look at its size and the rotation.
        if sources.front().is_some_and(|source| source.file.metadata().is_ok_and(|now| now.len() > at)) {
            return Ok(Moved::Grew);
        }
        sources.clear();
        sources.push_back(next);
        Ok(Moved::On { missed })
    }
}

/// The file written after this one, and whether others between them are gone; `None` if that is still the
/// current one.
fn successor(identity: Identity, path: &Path, max_file: u32) -> std::io::Result<Option<(Source, bool)>> {
    let place =
        || (0..max_file.max(1)).find(|&n| identity_of(path, n).is_some_and(|file| file.same(identity)));
    loop {
        let before = place();
        let next = match before {
            Some(0) => return Ok(None),
            Some(n) => open_nth(path, n - 1)?.map(|next| (next, false)),
            // Gone already: go on with the oldest there is.
            None => {
                let mut oldest = None;
                for n in (0..max_file.max(1)).rev() {
                    oldest = open_nth(path, n)?;
                    if oldest.is_some() {
                        break;
                    }
                }
                // With one file, its successor took its place; nobody knows whether it was the first to do so.
                oldest.map(|next| (next, max_file > 1))
            }
        };
        // Names that moved meanwhile would make us skip a file.
        if place() == before {
            return Ok(next);
        }
    }
}

/// From `now` to `until`, not less than nothing.
fn left(until: Time, now: Time) -> Timespec {
    let ns = until.0.saturating_sub(now.0).max(0);
    Timespec { tv_sec: ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 }
}
