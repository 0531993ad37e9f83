//! One daemon to a data root: a lock held for as long as the process lives, and the pid file that others expect.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use errdefs::{Context as _, Result, conflict};
use rustix::fs::{FlockOperation, flock};

/// The held lock.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the data root for this process.
    ///
    /// # Errors
    /// Conflict if another daemon has it.
    pub(crate) fn take(data_root: &Path) -> Result<Self> {
        let path = data_root.join("hythed.lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.context(|| format!("open {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let (root, pid) = (data_root.display(), pid.trim());
            return Err(conflict(format!(
                "another hythed (process {pid}) uses the data root {root}: stop it, or choose another with --data-root"
            )));
        }
        // The number is for the message above. Written over the one before, it needs no space on a full disk.
        let text = format!("{}\n", std::process::id());
        let length = u64::try_from(text.len()).unwrap_or(0);
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.set_len(length)) {
            tracing::warn!(%error, "cannot write the process number into the lock");
        }
        Ok(Self { _file: file })
    }
}

/// A pid file, removed when dropped.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes this process's number.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(path: &Path) -> Result<Self> {
        std::fs::write(path, format!("{}\n", std::process::id()))
            .context(|| format!("write the pid file {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_root_has_one_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let text = Lock::take(dir.path()).unwrap_err().to_string();
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(lock);
        Lock::take(dir.path()).unwrap();
    }
}
