//! Removing trees: a rename now, the deletion when there is time.
//!
//! The rename is what makes a removal atomic. The deletion must cope with anything a container made, so it does not
//! recurse deeper than [`FLATTEN_DEPTH`]: a directory that deep is moved to the top of the trash and deleted from
//! there. (A tree of 100,000 nested directories has no path that a system call would take.)

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use errdefs::{Collected, Context, Result};
use parking_lot::Mutex;
use rustix::fs::{AtFlags, CWD, Mode, openat, renameat, unlinkat};
use rustix::io::{self, Errno};

use crate::tree::{DIRECTORY, sorted_names};

/// After this, what could not be deleted is tried again (no descriptors were left, say).
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The pauses double to this.
const RETRY_LONGEST: Duration = Duration::from_secs(60);
/// A descriptor is held for each level, so few levels at a time.
const FLATTEN_DEPTH: usize = 64;

/// Directories for what is on its way in or out, and names in them that were never used before.
#[derive(Debug)]
pub(crate) struct Trash {
    dir: PathBuf,
    /// Makes names differ between runs.
    run: u128,
    next: AtomicU64,
    /// One deletion at a time: two would only get in each other's way.
    emptying: Mutex<()>,
    /// There is a thread that tries again; it ends when this is dropped.
    retrying: Mutex<Option<Sender<()>>>,
}

impl Trash {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let dir = root.join("trash");
        crate::make_dirs(&dir)?;
        let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        Ok(Self { dir, run, next: AtomicU64::new(0), emptying: Mutex::new(()), retrying: Mutex::new(None) })
    }

    pub(crate) fn unique_name(&self) -> String {
        format!("{}-{}", self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes the tree away from its place; `false` if it was not there.
    pub(crate) fn take(&self, path: &Path) -> Result<bool> {
        match fs::rename(path, self.dir.join(self.unique_name())) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).context(|| format!("remove {}", path.display())),
        }
    }

    /// As [`Trash::take`], for trees that may be on another file system, from where they are deleted at once.
    pub(crate) fn discard(&self, path: &Path) -> Result<bool> {
        match fs::rename(path, self.dir.join(self.unique_name())) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) if error.kind() == ErrorKind::CrossesDevices => {}
            Err(error) => return Err(error).context(|| format!("remove {}", path.display())),
        }
        fs::remove_dir_all(path).context(|| format!("remove {}", path.display())).map(|()| true)
    }

    /// Has `again` called after a while, and after longer ones until it says that it has emptied the trash. Without a
    /// thread for that the next removal begins it.
    pub(crate) fn retry(&self, again: impl Fn() -> bool + Send + 'static) {
        let mut retrying = self.retrying.lock();
        if retrying.is_some() {
            return;
        }
        let (sender, gone) = mpsc::channel();
        let work = move || {
            let mut pause = RETRY_FIRST;
            while gone.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) && !again() {
                pause = (pause * 2).min(RETRY_LONGEST);
            }
        };
        if std::thread::Builder::new().name("trash".into()).spawn(work).is_ok() {
            *retrying = Some(sender);
        }
    }

    /// Nothing has to be tried again.
    pub(crate) fn emptied(&self) {
        *self.retrying.lock() = None;
    }

    /// Deletes everything in the trash; goes on after a failure and reports all.
    pub(crate) fn empty(&self) -> Result<()> {
        let _one = self.emptying.lock();
        let dir = openat(CWD, &self.dir, DIRECTORY, Mode::empty())
            .context(|| format!("open {}", self.dir.display()))?;
        let mut collected = Collected::new();
        let mut failed = Vec::new();
        loop {
            let mut names = sorted_names(&dir).context(|| format!("list {}", self.dir.display()))?;
            names.retain(|name| !failed.contains(name));
            if names.is_empty() {
                break;
            }
            // Deleting puts the deepest directories here, so there may be another round.
            for name in names {
                let path = self.dir.join(String::from_utf8_lossy(&name).as_ref());
                let deleted = self.delete(dir.as_fd(), dir.as_fd(), &name, 0);
                if collected.step(deleted.context(|| format!("delete {}", path.display()))).is_none() {
                    failed.push(name);
                }
            }
        }
        collected.finish()
    }

    fn delete(&self, top: BorrowedFd<'_>, dir: BorrowedFd<'_>, name: &[u8], depth: usize) -> io::Result<()> {
        match unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR) => {}
            Err(error) => return Err(error),
        }
        if depth == FLATTEN_DEPTH {
            return renameat(dir, name, top, self.unique_name());
        }
        let inside = openat(dir, name, DIRECTORY, Mode::empty())?;
        for name in sorted_names(&inside)? {
            self.delete(top, inside.as_fd(), &name, depth + 1)?;
        }
        unlinkat(dir, name, AtFlags::REMOVEDIR)
    }
}
