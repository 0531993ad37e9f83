//! Blobs on their way in: a partial file that is hashed as it grows, and renamed when it is right.
//!
//! The hash's state is not stored: resuming reads the partial file again, which costs half a second a gigabyte and
//! finds a partial file that was damaged no worse than any other.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use errdefs::{Context, Result, system};
use oci::digest::{Digest, Hasher};
use parking_lot::{Condvar, Mutex};

use crate::{Content, FILE_MODE};

/// Blobs are never changed, so they are not writable: `cp -l` of a store cannot damage it by accident.
const BLOB_MODE: u32 = 0o400;
/// Size of the pieces in which a partial file is read again.
const PIECE: usize = 256 << 10;

/// The ingests that are open; one thread an ingest.
#[derive(Debug, Default)]
pub(crate) struct Active {
    names: Mutex<HashSet<String>>,
    closed: Condvar,
}

/// A blob being written. Dropped without a commit, what was written stays for the next [`Content::ingest`] of the
/// same key.
pub struct Ingest {
    content: Content,
    name: String,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    offset: u64,
}

impl Ingest {
    pub(crate) fn open(content: Content, key: &str) -> Result<Self> {
        let name = Digest::of(key.as_bytes()).hex();
        let active = &content.inner.ingests;
        {
            let mut names = active.names.lock();
            while !names.insert(name.clone()) {
                active.closed.wait(&mut names);
            }
        }
        let path = content.inner.root.join("ingest").join(&name);
        match resume(&path) {
            Ok((file, hasher, offset)) => Ok(Self { content, name, path, file, hasher, offset }),
            Err(error) => {
                close(active, &name);
                Err(error).context(|| format!("open ingest {}", path.display()))
            }
        }
    }

    /// How many bytes are here: where to go on.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Throws away what is here, to begin again.
    pub fn reset(&mut self) -> Result<()> {
        if self.offset == 0 {
            return Ok(());
        }
        self.file.set_len(0).and_then(|()| self.file.rewind()).context(|| "reset ingest")?;
        self.hasher = Hasher::new();
        self.offset = 0;
        Ok(())
    }

    /// The digest of what is here so far.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Makes the blob, if what was written has this digest and size; else it is thrown away and the error says what
    /// it was.
    pub fn commit(self, expected: &Digest, size: Option<u64>) -> Result<()> {
        if let Some(size) = size
            && size != self.offset
        {
            self.throw_away()?;
            return Err(system(format!(
                "content {expected} has {} bytes where {size} were expected",
                self.offset
            )));
        }
        let digest = self.digest();
        if digest != *expected {
            self.throw_away()?;
            return Err(system(format!("content verification failed: got {digest}, expected {expected}")));
        }
        self.file
            .set_permissions(fs::Permissions::from_mode(BLOB_MODE))
            .context(|| format!("chmod content {digest}"))?;
        self.content.inner.unsynced.mark(&digest)?;
        fs::rename(&self.path, self.content.blob_path(&digest)).context(|| format!("commit content {digest}"))
    }

    /// Removes what was written.
    pub fn abort(self) -> Result<()> {
        self.throw_away()
    }

    fn throw_away(&self) -> Result<()> {
        fs::remove_file(&self.path).context(|| format!("remove {}", self.path.display()))
    }
}

impl Write for Ingest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.offset += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        close(&self.content.inner.ingests, &self.name);
    }
}

fn close(active: &Active, name: &str) {
    active.names.lock().remove(name);
    active.closed.notify_all();
}

fn resume(path: &std::path::Path) -> io::Result<(File, Hasher, u64)> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
    let mut hasher = Hasher::new();
    let mut offset = 0;
    if file.metadata()?.len() > 0 {
        let mut piece = vec![0; PIECE];
        loop {
            let count = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&piece[..count]);
            offset += count as u64;
        }
    }
    Ok((file, hasher, offset))
}

/// Removes what is here under a key, unless it is being written now.
pub(crate) fn forget(content: &Content, key: &str) -> Result<()> {
    let name = Digest::of(key.as_bytes()).hex();
    let active = content.inner.ingests.names.lock();
    if active.contains(&name) {
        return Ok(());
    }
    let path = content.inner.root.join("ingest").join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

pub(crate) fn prune(content: &Content) -> Result<u64> {
    let dir = content.inner.root.join("ingest");
    let active = content.inner.ingests.names.lock();
    let mut freed = 0;
    for entry in fs::read_dir(&dir).context(|| format!("list {}", dir.display()))? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| active.contains(name)) {
            continue;
        }
        let size = entry.metadata().context(|| "stat ingest")?.len();
        fs::remove_file(entry.path()).context(|| format!("remove {}", entry.path().display()))?;
        freed += size;
    }
    Ok(freed)
}
