//! A latch that wakes a reader waiting for more log: "the container has ended" or "nobody listens any more".
//!
//! An eventfd, so that it can be waited for together with inotify; set once, it stays set, for any number of waiters.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use errdefs::{Context as _, Result};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// A flag that is set once and can be waited for. Clones share it.
#[derive(Debug, Clone)]
pub struct Signal(Arc<OwnedFd>);

impl Signal {
    /// A signal that is not set.
    pub fn new() -> Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).context(|| "eventfd")?;
        Ok(Self(Arc::new(fd)))
    }

    /// Sets it; setting it again changes nothing.
    pub fn set(&self) {
        // Fails only when the counter is full, and then it is set.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    /// Whether this is a clone of the other.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        let mut fds = [PollFd::new(&*self.0, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_set_for_every_clone() {
        let signal = Signal::new().unwrap();
        let other = signal.clone();
        assert!(!other.is_set());
        signal.set();
        signal.set();
        assert!(other.is_set() && other.is_set() && signal.is_set());
    }
}
