//! Snapshots: one directory an image layer, overlayfs above them, an upper directory a container.
//!
//! ```text
//! layers/<64 hex of the diff id>/fs     a layer's tree, whiteouts in overlay's form; never changed
//! layers/<64 hex of the diff id>/info   its size, and what its root says
//! containers/<id>/{upper,work}          writable layers
//! init/<name>/fs                        the files every container has above its image (see `init`)
//! empty/                                a directory with nothing in it
//! staging/, trash/                      on the way in and out; cleared at open
//! unsynced/<boot id>/<hex>              marks of layers that a power cut could still damage
//! ```
//!
//! Words: a *layer* is read-only and keyed by its diff id, the digest of its uncompressed tar, and depends on no
//! other layer, so layers are applied in any order and in parallel. *Lowers* are directories, topmost first, as
//! overlayfs takes them. A *writable* is the upper and work directory of one container or build step. *Apply* makes a
//! layer from a tar, *diff* a tar from a writable.
//!
//! Invariants: what is under `layers/` is complete, and was hashed while it was read. Every path inside a tree is
//! resolved by the kernel below a descriptor of that tree's root (`openat2`), never by joining strings. Nothing here
//! is in any mount table: mounts are made detached and given out as descriptors.

pub mod archive;
mod diff;
mod extract;
mod info;
mod init;
mod layer;
mod limits;
mod mapped;
mod mount;
mod quota;
mod stream;
pub mod tarball;
mod trash;
mod tree;
mod unsynced;
mod walk;
mod writable;

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use errdefs::{Context, Result};
use oci::digest::Digest;
use parking_lot::Mutex;
use rustix::fs::syncfs;

pub use diff::{Change, ChangeKind};
pub use layer::{Applied, ApplyOptions};
pub use mount::MountOptions;
pub use writable::Writable;

/// Trees hold setuid programs of images: nobody but root may walk to them.
const DIR_MODE: u32 = 0o700;

/// A handle on the snapshots; cheap to clone, shared by threads.
#[derive(Debug, Clone)]
pub struct Snapshots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// The root directory, open: the handle that `syncfs` needs.
    root_dir: File,
    unsynced: unsynced::Marks,
    trash: trash::Trash,
    projects: quota::Projects,
    /// What `info` files say, so that creating a container reads none.
    infos: Mutex<HashMap<Digest, info::Info>>,
}

impl Snapshots {
    /// Opens the snapshots at `root`, making the directories if needed. What was left half done, and layers that a
    /// power cut may have damaged, go to the trash: call [`Snapshots::empty_trash`] when there is time.
    ///
    /// One process may have them open; the daemon's lock on the data root sees to that.
    pub fn open(root: &Path) -> Result<Self> {
        for dir in ["layers", "containers", "init", "staging"] {
            make_dirs(&root.join(dir))?;
        }
        make_dirs(&root.join("empty"))?;
        let root_dir = File::open(root).context(|| format!("open {}", root.display()))?;
        let inner = Inner {
            root: root.into(),
            root_dir,
            unsynced: unsynced::Marks::open(root)?,
            trash: trash::Trash::open(root)?,
            projects: quota::Projects::default(),
            infos: Mutex::default(),
        };
        let snapshots = Self { inner: Arc::new(inner) };
        snapshots.recover()?;
        Ok(snapshots)
    }

    fn recover(&self) -> Result<()> {
        let inner = &self.inner;
        let staging = inner.root.join("staging");
        for entry in fs::read_dir(&staging).context(|| format!("list {}", staging.display()))? {
            let path = entry?.path();
            mount::clear(&path)?;
            inner.trash.take(&path)?;
        }
        inner.unsynced.settle_earlier_boots(|layer| inner.trash.take(&self.layer_home(layer)).map(drop))
    }

    /// Flushes every layer made so far to the disk: to be called once, before a record names them.
    pub fn sync(&self) -> Result<()> {
        let marked = self.inner.unsynced.list()?;
        if marked.is_empty() {
            return Ok(());
        }
        syncfs(&self.inner.root_dir).context(|| format!("syncfs {}", self.inner.root.display()))?;
        self.inner.unsynced.forget(&marked)
    }

    /// Deletes what was removed. The one slow part of removing: for a background thread.
    pub fn empty_trash(&self) -> Result<()> {
        self.inner.trash.empty()
    }

    /// The same, and tries again later, for as long as it takes, what cannot be deleted now.
    pub fn empty_trash_in_the_end(&self) -> Result<()> {
        let emptied = self.empty_trash();
        if emptied.is_err() {
            let weak = Arc::downgrade(&self.inner);
            self.inner.trash.retry(move || {
                weak.upgrade().is_none_or(|inner| {
                    let emptied = inner.trash.empty().is_ok();
                    if emptied {
                        inner.trash.emptied();
                    }
                    emptied
                })
            });
        }
        emptied
    }

    /// Takes a directory that is none of these away: renamed to the trash, or, from another file system, deleted at once.
    /// `false` if it was not there.
    pub fn discard(&self, path: &Path) -> Result<bool> {
        self.inner.trash.discard(path)
    }

    /// A new directory under `staging/`, which a crash leaves to be removed.
    fn stage(&self) -> Result<PathBuf> {
        let path = self.inner.root.join("staging").join(self.inner.trash.unique_name());
        make_dirs(&path)?;
        Ok(path)
    }
}

fn make_dirs(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(DIR_MODE)
        .create(path)
        .context(|| format!("mkdir {}", path.display()))
}

#[cfg(test)]
mod tests;
