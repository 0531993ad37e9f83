//! Watches over the firewall table: when somebody flushes the ruleset (a reload of the host's own nftables does), it is made
//! again at once, not only with the next container.
//!
//! Only a missing table is made again. One that was changed stays as it is: an administrator may have his reasons, and two
//! daemons must not undo each other's work for ever.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Weak;
use std::thread::JoinHandle;

use errdefs::{Context, Result};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

use super::Inner;
use crate::netlink::{Events, Monitor};

/// The watching thread. It ends when this is dropped.
pub(super) struct Watch {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(inner: Weak<Inner>, table: String) -> Result<Self> {
        let stop =
            eventfd(0, EventfdFlags::CLOEXEC).map_err(std::io::Error::from).context(|| "make an eventfd")?;
        let mut monitor = Monitor::nftables()?;
        let stopped = stop.try_clone().context(|| "duplicate an eventfd")?;
        let thread = std::thread::Builder::new()
            .name("nft-watch".to_owned())
            .spawn(move || {
                while let Ok(true) = wait(&monitor, &stopped) {
                    match monitor.read(&table) {
                        Ok(Events::Deleted) => {}
                        Ok(Events::Other) => continue,
                        Err(_) => return,
                    }
                    let Some(inner) = inner.upgrade() else { return };
                    // There is nobody to tell: the next change tries again and tells its caller.
                    let _ = inner.restore();
                }
            })
            .context(|| "start the thread that watches the firewall")?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

/// True when there is something to read, false when it is time to stop.
fn wait(monitor: &Monitor, stop: &OwnedFd) -> Result<bool, Errno> {
    let mut fds = [PollFd::new(monitor, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
    Ok(fds[1].revents().is_empty())
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = rustix::io::write(self.stop.as_fd(), &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take()
            // The thread itself may hold the last handle.
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}
