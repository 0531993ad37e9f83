//! Writable layers: the upper and work directories of containers and build steps.

use std::path::PathBuf;

use errdefs::Result;

use crate::Snapshots;

/// The directories that make an overlay writable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writable {
    /// overlayfs `upperdir`.
    pub upper: PathBuf,
    /// overlayfs `workdir`.
    pub work: PathBuf,
}

#[expect(clippy::todo, reason = "the interface is landed before the bodies")]
impl Snapshots {
    /// Makes the writable layer `id` (letters, digits, `-`, `_`, `.`): its upper directory gets the owner and mode of
    /// the root of the image, the first of `lowers` that is no init layer. One that exists is a conflict.
    pub fn create_writable(&self, _id: &str, _lowers: &[PathBuf]) -> Result<Writable> {
        todo!()
    }

    /// The writable layer `id`.
    pub fn writable(&self, _id: &str) -> Result<Writable> {
        todo!()
    }

    /// Removes the writable layer: gone at once for every observer, deleted by [`Snapshots::empty_trash`]. One that
    /// does not exist is no error.
    pub fn remove_writable(&self, _id: &str) -> Result<()> {
        todo!()
    }

    /// The ids of all writable layers.
    pub fn list_writables(&self) -> Result<Vec<String>> {
        todo!()
    }

    /// The bytes of the regular files in the writable layer; hard links count once (`docker ps -s`).
    pub fn writable_size(&self, _id: &str) -> Result<u64> {
        todo!()
    }
}
