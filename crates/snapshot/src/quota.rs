//! Sizes of writable layers: each that has one is a project of its own, whose bytes the file system counts and limits.
//!
//! Which project a layer is stands on its directory alone, and goes with it. A new one gets a number above all that are
//! there, in the trash too: what is still being deleted counts for nobody else.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use errdefs::{Context, Result, system};
use parking_lot::Mutex;
use rustix::io::Errno;
use sys::quota;

/// The first project of ours: an administrator's own are small numbers (`/etc/projid`).
const FIRST: u32 = 0x6879_0000;

/// Docker's words, for all file systems that cannot do it.
const UNSUPPORTED: &str = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option";

/// The last project given.
#[derive(Debug, Default)]
pub(crate) struct Projects(Mutex<Option<u32>>);

impl Projects {
    /// Limits what will be in `dir`, an empty directory, to `bytes`. `homes` are the directories with all others.
    pub(crate) fn limit(&self, dir: &Path, bytes: u64, homes: &[PathBuf]) -> Result<()> {
        let handle = File::open(dir).context(|| format!("open {}", dir.display()))?;
        let mut last = self.0.lock();
        let before = match *last {
            Some(before) => before,
            None => highest(homes)?,
        };
        let project = before.checked_add(1).ok_or_else(|| system("no project number is left"))?;
        let limited =
            quota::set_project(&handle, project).and_then(|()| quota::limit_project(&handle, project, bytes));
        limited.map_err(|error| match error.errno() {
            Errno::NOTTY | Errno::OPNOTSUPP | Errno::NOSYS | Errno::SRCH | Errno::INVAL => {
                system(UNSUPPORTED)
            }
            _ => system(format!("limit {}: {error}", dir.display())),
        })?;
        *last = Some(project);
        Ok(())
    }
}

/// The highest project number of ours among the entries of directories.
fn highest(homes: &[PathBuf]) -> Result<u32> {
    let mut highest = FIRST;
    for home in homes {
        for entry in fs::read_dir(home).context(|| format!("list {}", home.display()))? {
            // One that goes meanwhile is nobody's.
            let Ok(dir) = File::open(entry?.path()) else { continue };
            highest = highest.max(quota::project(&dir).unwrap_or(0));
        }
    }
    Ok(highest)
}
