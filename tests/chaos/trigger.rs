//! Choosing the moment of a kill by what the daemon does: after so many changes of files below its directories (each
//! is a step of some operation: a directory made, a page of the database written, a tree renamed), and then a few
//! thousand turns of a loop later, so that the kill falls anywhere between two steps.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// Counts changes below some directories.
pub(crate) struct Trigger(OwnedFd);

impl Trigger {
    /// Watches the directories that are there.
    pub(crate) fn watch(dirs: &[PathBuf]) -> Self {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("inotify");
        let changes = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::MODIFY;
        for dir in dirs.iter().filter(|dir| dir.exists()) {
            inotify::add_watch(&fd, dir.as_path(), changes).expect("watch a directory");
        }
        Self(fd)
    }

    /// Waits for so many changes, or until `end` can be read or is closed; says how many there were.
    pub(crate) fn wait(&self, changes: usize, end: BorrowedFd<'_>) -> usize {
        let mut seen = self.take();
        while seen < changes {
            let mut fds = [PollFd::new(&self.0, PollFlags::IN), PollFd::from_borrowed_fd(end, PollFlags::IN)];
            poll(&mut fds, None).expect("poll");
            if !fds[1].revents().is_empty() {
                break;
            }
            seen += self.take();
        }
        seen
    }

    fn take(&self) -> usize {
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(self.0.as_fd(), &mut space);
        let mut count = 0;
        while reader.next().is_ok() {
            count += 1;
        }
        count
    }
}

/// Passes a little time that no clock measures.
pub(crate) fn dawdle(turns: usize) {
    for _ in 0..turns {
        std::hint::spin_loop();
    }
}
