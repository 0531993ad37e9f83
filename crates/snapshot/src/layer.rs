//! Layers: applying, finding, removing.

use std::io::Read;
use std::path::PathBuf;

use errdefs::Result;
use oci::digest::Digest;

use crate::Snapshots;

/// A layer that was made or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The digest of the uncompressed tar.
    pub diff_id: Digest,
    /// The sum of the sizes of its regular files in bytes, as Docker counts a layer.
    pub size: u64,
}

/// How to apply a layer.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// The diff id that the tar must have; without one, whatever it has.
    pub expected: Option<Digest>,
    /// Refuse a layer that needs more bytes than this; `None` for no limit but the disk's.
    pub max_bytes: Option<u64>,
}

#[expect(clippy::todo, reason = "the interface is landed before the bodies")]
impl Snapshots {
    /// True if the layer is here.
    pub fn layer_exists(&self, _diff_id: &Digest) -> Result<bool> {
        todo!()
    }

    /// Makes a layer of an uncompressed tar stream, reading it to its end on a thread of its own. If the layer is
    /// here already when the end is reached, that one stays. Two threads may apply the same layer; one wins.
    pub fn apply(&self, _options: &ApplyOptions, _tar: impl Read + Send) -> Result<Applied> {
        todo!()
    }

    /// The layer's tree. For reading only.
    pub fn layer_dir(&self, _diff_id: &Digest) -> PathBuf {
        todo!()
    }

    /// The sum of the sizes of the layer's regular files in bytes.
    pub fn layer_size(&self, _diff_id: &Digest) -> Result<u64> {
        todo!()
    }

    /// Removes the layer; not found is an error. Who knows that nothing uses it is the caller.
    pub fn remove_layer(&self, _diff_id: &Digest) -> Result<()> {
        todo!()
    }

    /// Every layer, in no order.
    pub fn list_layers(&self) -> Result<Vec<Digest>> {
        todo!()
    }

    /// The trees of an image's layers, as overlayfs takes them: `diff_ids` are lowest first, as in an image config,
    /// the result is topmost first. An image without layers gives one empty directory.
    pub fn lower_dirs(&self, _diff_ids: &[Digest]) -> Result<Vec<PathBuf>> {
        todo!()
    }

    /// [`Snapshots::lower_dirs`] with the init layer on top: `/.dockerenv`, the files that are mounted over, and the
    /// mount points below `/dev`.
    pub fn container_lowers(&self, _diff_ids: &[Digest]) -> Result<Vec<PathBuf>> {
        todo!()
    }
}
