//! Snapshots: one directory an image layer, overlayfs above them, an upper directory a container.
//!
//! ```text
//! layers/<64 hex of the diff id>/fs     a layer's tree, whiteouts in overlay's form; never changed
//! layers/<64 hex of the diff id>/info   its size, and whether it hides everything below it
//! containers/<id>/{upper,work}          writable layers
//! init/<name>                           the files every container has above its image (see `init`)
//! staging/, trash/                      on the way in and out; emptied at open
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
mod layer;
mod mount;
mod writable;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use errdefs::Result;

pub use diff::{Change, ChangeKind};
pub use layer::{Applied, ApplyOptions};
pub use mount::MountOptions;
pub use writable::Writable;

/// A handle on the snapshots; cheap to clone, shared by threads.
#[derive(Debug, Clone)]
pub struct Snapshots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
}

#[expect(clippy::todo, reason = "the interface is landed before the bodies")]
impl Snapshots {
    /// Opens the snapshots at `root`, making the directories if needed; removes what was left half done or half
    /// removed, and layers that a power cut may have damaged.
    pub fn open(_root: &Path) -> Result<Self> {
        todo!()
    }

    /// Flushes every layer made so far to the disk: to be called once, before a record names them.
    pub fn sync(&self) -> Result<()> {
        todo!()
    }

    /// Deletes what was removed. The one slow part of removing: for a background thread.
    pub fn empty_trash(&self) -> Result<()> {
        let _ = &self.inner.root;
        todo!()
    }
}
