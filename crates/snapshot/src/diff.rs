//! What a container changed: as a list (`docker diff`) and as a layer's tar (commit, build).

use std::io::Write;
use std::path::PathBuf;

use errdefs::Result;

use crate::Snapshots;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// `C`, 0 in the API.
    Changed,
    /// `A`, 1 in the API.
    Added,
    /// `D`, 2 in the API.
    Deleted,
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Absolute in the container; bytes, for names need not be UTF-8.
    pub path: Vec<u8>,
    /// What happened.
    pub kind: ChangeKind,
}

#[expect(clippy::todo, reason = "the interface is landed before the bodies")]
impl Snapshots {
    /// What the writable layer changed against `lowers`, in the order in which Docker lists it.
    pub fn changes(&self, _id: &str, _lowers: &[PathBuf]) -> Result<Vec<Change>> {
        todo!()
    }

    /// Writes the writable layer as the tar of an image layer: deterministic order, whiteouts as `.wh.` files.
    /// Gives the sum of the sizes of the regular files in it.
    pub fn write_diff(&self, _id: &str, _out: impl Write) -> Result<u64> {
        todo!()
    }

    /// Makes the writable layer a read-only one without copying: its diff is written to `out` and hashed, and its
    /// upper directory becomes the layer of that diff id. The writable layer is gone afterwards. It must not be mounted.
    pub fn seal_writable(&self, _id: &str, _out: impl Write) -> Result<crate::Applied> {
        todo!()
    }
}
