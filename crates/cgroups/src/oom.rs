//! Telling when a process of a group was killed for lack of memory.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use errdefs::{Context, Result};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::file;
use crate::layout::Version;

/// Tells when a process was killed for lack of memory.
#[derive(Debug)]
pub struct OomWatch {
    fd: OwnedFd,
    path: PathBuf,
    seen: u64,
}

impl OomWatch {
    pub(crate) fn new(dir: &Path, version: Version) -> Result<Self> {
        let (fd, path) = match version {
            Version::V1 => {
                let path = dir.join("memory.oom_control");
                let event =
                    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).context(|| "eventfd")?;
                let control = openat(CWD, &path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                    .context(|| format!("open {}", path.display()))?;
                let line = format!("{} {}", event.as_raw_fd(), control.as_raw_fd());
                file::write(&dir.join("cgroup.event_control"), &line)?;
                (event, path)
            }
            Version::V2 => {
                let path = dir.join("memory.events");
                let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
                    .context(|| "inotify_init1")?;
                inotify::add_watch(&watch, &path, inotify::WatchFlags::MODIFY)
                    .context(|| format!("watch {}", path.display()))?;
                (watch, path)
            }
        };
        let mut watch = Self { fd, path, seen: 0 };
        watch.seen = watch.count();
        Ok(watch)
    }

    /// Readable when there may be news.
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Takes the news: how many kills since the last call. On v1 the kernel wakes us when memory has run out, which may
    /// be just before the kill is counted; a caller that gets 0 asks [`crate::Cgroup::oom_kills`] again at the exit.
    ///
    /// # Errors
    /// None today: a group that is gone has no news.
    pub fn take(&mut self) -> Result<u64> {
        // Drained only; what counts is in the group's file. v1: a counter; v2: some events of at most 4 KiB.
        let mut buffer = [0; 4096];
        while rustix::io::read(&self.fd, &mut buffer).is_ok_and(|count| count > 8) {}
        let now = self.count();
        let news = now.saturating_sub(self.seen);
        self.seen = self.seen.max(now);
        Ok(news)
    }

    fn count(&self) -> u64 {
        file::read_if_there(&self.path).and_then(|text| file::keyed(&text, "oom_kill")).unwrap_or(0)
    }
}
