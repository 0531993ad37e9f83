//! The content store: every blob by its digest, on disk as an OCI image layout that other tools can read.
//!
//! ```text
//! oci-layout, index.json      the layout's own files
//! blobs/sha256/<64 hex>       blobs: complete, right, never changed
//! ingest/<64 hex of the key>  blobs on their way in; kept over a restart, so that a pull resumes
//! unsynced/<boot id>/<hex>    empty marks of blobs that a power cut could still damage
//! ```
//!
//! Invariants: a file under `blobs/` has the content its name says, because it was hashed while it was written and
//! renamed only then. No blob is flushed alone: [`Content::sync`] is one barrier for all, to be called before a
//! record names them. A blob written since the last barrier is marked, and if the machine has been started anew
//! since, [`Content::open`] hashes it again and removes it if it is damaged: a power cut cannot leave a blob that is
//! believed and wrong.
//!
//! Why no fsync a blob: an image of twenty layers would wait for the disk twenty times where once is enough.

mod blob;
mod ingest;
mod unsynced;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use errdefs::{Context, Result};
use oci::digest::Digest;
use oci::manifest::Index;
use rustix::fs::syncfs;

pub use blob::Verified;
pub use ingest::Ingest;

/// Blobs and directories are for root alone: layers hold setuid programs and secrets of images.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A handle on the store; cheap to clone, shared by threads.
#[derive(Debug, Clone)]
pub struct Content {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// The root directory, open: the handle that `syncfs` needs.
    root_dir: File,
    ingests: ingest::Active,
    unsynced: unsynced::Marks,
}

impl Content {
    /// Opens the store at `root`, making it if needed, and checks the blobs that a power cut may have damaged.
    ///
    /// One process may have a store open; the daemon's lock on the data root sees to that.
    pub fn open(root: &Path) -> Result<Self> {
        for dir in ["blobs/sha256", "ingest"] {
            make_dirs(&root.join(dir))?;
        }
        write_if_missing(root, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        write_if_missing(root, "index.json", br#"{"schemaVersion":2,"manifests":[]}"#)?;
        let root_dir = File::open(root).context(|| format!("open {}", root.display()))?;
        let unsynced = unsynced::Marks::open(root)?;
        let content = Self {
            inner: Arc::new(Inner {
                root: root.into(),
                root_dir,
                ingests: ingest::Active::default(),
                unsynced,
            }),
        };
        content.check_after_power_cut()?;
        Ok(content)
    }

    fn check_after_power_cut(&self) -> Result<()> {
        for digest in self.inner.unsynced.of_earlier_boots()? {
            if self.has(&digest)? && self.verify(&digest).is_err() {
                self.delete(&digest)?;
            }
        }
        self.inner.unsynced.forget_earlier_boots()
    }

    /// Flushes everything written so far to the disk: to be called once, before a record names the blobs.
    pub fn sync(&self) -> Result<()> {
        let marked = self.inner.unsynced.list()?;
        if marked.is_empty() {
            return Ok(());
        }
        syncfs(&self.inner.root_dir).context(|| format!("syncfs {}", self.inner.root.display()))?;
        self.inner.unsynced.forget(&marked)
    }

    /// True if the blob is here.
    pub fn has(&self, digest: &Digest) -> Result<bool> {
        let path = self.blob_path(digest);
        fs::exists(&path).context(|| format!("look for {}", path.display()))
    }

    /// Where the blob is or would be. For reading only.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.inner.root.join("blobs").join(oci::digest::ALGORITHM).join(digest.hex())
    }

    /// Starts or resumes the ingest `key`, waiting if another thread has it open: look for the blob first
    /// afterwards. The key is free text; by custom the digest expected.
    pub fn ingest(&self, key: &str) -> Result<Ingest> {
        Ingest::open(self.clone(), key)
    }

    /// Stores `bytes`; nothing happens if they are here already.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        if self.has(&digest)? {
            return Ok(digest);
        }
        let mut ingest = self.ingest(&format!("put {digest}"))?;
        ingest.reset()?;
        if let Err(error) = ingest.write_all(bytes) {
            // It is made again from memory: a part of it helps nobody.
            ingest.abort()?;
            return Err(error).context(|| format!("write content {digest}"));
        }
        ingest.commit(&digest, Some(bytes.len() as u64))?;
        Ok(digest)
    }

    /// Removes the part of a blob that an ingest has left; nothing if there is none or somebody writes it now.
    pub fn forget_ingest(&self, key: &str) -> Result<()> {
        ingest::forget(self, key)
    }

    /// Removes the blob; not found is an error. Readers that have it open keep it.
    pub fn delete(&self, digest: &Digest) -> Result<()> {
        fs::remove_file(self.blob_path(digest)).map_err(|error| blob::open_error(digest, error))
    }

    /// Every blob with its size in bytes, in no order. Files that are no blobs are passed over.
    pub fn list(&self) -> Result<Vec<(Digest, u64)>> {
        let dir = self.inner.root.join("blobs").join(oci::digest::ALGORITHM);
        let mut all = Vec::new();
        for entry in fs::read_dir(&dir).context(|| format!("list {}", dir.display()))? {
            let entry = entry?;
            let Some(digest) = entry.file_name().to_str().and_then(|name| Digest::from_hex(name).ok()) else {
                continue;
            };
            match entry.metadata() {
                Ok(metadata) => all.push((digest, metadata.len())),
                Err(error) if error.kind() == ErrorKind::NotFound => {} // deleted meanwhile
                Err(error) => return Err(error).context(|| format!("stat content {digest}")),
            }
        }
        Ok(all)
    }

    /// Replaces `index.json`, by which other tools find the images in the layout.
    pub fn write_index(&self, index: &Index) -> Result<()> {
        write_replace(&self.inner.root, "index.json", &index.to_bytes())
    }

    /// Removes partial ingests that no thread has open; returns how many bytes that freed.
    pub fn prune_ingests(&self) -> Result<u64> {
        ingest::prune(self)
    }
}

fn make_dirs(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(path)
        .context(|| format!("mkdir {}", path.display()))
}

fn write_if_missing(root: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = root.join(name);
    if fs::exists(&path).context(|| format!("look for {}", path.display()))? {
        return Ok(());
    }
    write_replace(root, name, bytes)
}

fn write_replace(root: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let (path, temporary) = (root.join(name), root.join(format!("{name}.new")));
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_data()?; // it replaces an older one: after a power cut there must be one of the two
        fs::rename(&temporary, &path)
    };
    write().context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests;
