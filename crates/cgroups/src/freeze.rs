//! Stopping and resuming a whole group.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use errdefs::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, retry_on_intr};

use crate::file;

/// The freezer of a group.
#[derive(Debug)]
pub(crate) enum Freezer {
    /// `freezer.state` of v1.
    V1(PathBuf),
    /// `cgroup.freeze` of v2.
    V2(PathBuf),
}

/// How long the processes of a group may take to stop. One in an uninterruptible call stops only behind that, and nobody
/// can do anything else for the container meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

impl Freezer {
    /// Stops or resumes; returns once it is so.
    pub(crate) fn set(&self, frozen: bool) -> Result<()> {
        match self {
            Self::V1(dir) => {
                let path = dir.join("freezer.state");
                let value = if frozen { "FROZEN" } else { "THAWED" };
                let until = Instant::now() + PATIENCE;
                // The kernel has no event for it, and a read is itself what moves it on; each attempt yields the
                // processor to the tasks being stopped.
                while Instant::now() < until {
                    file::write(&path, value)?;
                    if file::read(&path)?.trim() == value {
                        return Ok(());
                    }
                    rustix::thread::sched_yield();
                }
                if frozen {
                    // Half frozen is worse than not.
                    file::write(&path, "THAWED")?;
                }
                Err(errdefs::system(format!("{} did not become {value}", path.display())))
            }
            Self::V2(dir) => {
                let path = dir.join("cgroup.freeze");
                file::write(&path, if frozen { "1" } else { "0" })?;
                if !frozen || wait_for(&dir.join("cgroup.events"), "frozen", 1, PATIENCE)? {
                    return Ok(());
                }
                file::write(&path, "0")?;
                Err(errdefs::system(format!("{} did not become frozen", dir.display())))
            }
        }
    }

    pub(crate) fn is_frozen(&self) -> Result<bool> {
        match self {
            Self::V1(dir) => Ok(file::read(&dir.join("freezer.state"))?.trim() == "FROZEN"),
            // What was asked for, not whether every task got there: that is what pause means to a user.
            Self::V2(dir) => Ok(file::read(&dir.join("cgroup.freeze"))?.trim() == "1"),
        }
    }
}

/// How long killed processes may take to be gone. The kernel needs microseconds; one stuck in a driver may need for ever.
const EXIT_DEADLINE: Duration = Duration::from_secs(2);

/// Waits until no process is left in a v2 group or below, for at most [`EXIT_DEADLINE`].
pub(crate) fn wait_until_empty(dir: &Path) -> Result<()> {
    wait_for(&dir.join("cgroup.events"), "populated", 0, EXIT_DEADLINE).map(drop)
}

/// Waits until `key` in an events file has the value; the kernel wakes pollers at each change. `false` if that takes longer
/// than `patience`.
fn wait_for(path: &Path, key: &str, value: u64, patience: Duration) -> Result<bool> {
    let context = || format!("watch {}", path.display());
    let events = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).context(context)?;
    let until = Instant::now() + patience;
    loop {
        let mut text = [0; 256];
        let count = rustix::io::pread(&events, &mut text, 0).context(context)?;
        if file::keyed(&String::from_utf8_lossy(&text[..count]), key) == Some(value) {
            return Ok(true);
        }
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let mut fds = [PollFd::new(&events, PollFlags::PRI)];
        match retry_on_intr(|| poll(&mut fds, Some(&left))) {
            Ok(0) => return Ok(false),
            other => other.map_err(|errno: Errno| errdefs::system(errno.to_string()))?,
        };
    }
}
