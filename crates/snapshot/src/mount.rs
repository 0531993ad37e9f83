//! Detached overlay mounts: a file tree as a descriptor, in no mount table, gone when the descriptor is closed.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use errdefs::Result;

use crate::{Snapshots, Writable};

/// How to mount.
#[derive(Debug, Clone, Copy, Default)]
pub struct MountOptions {
    /// Nothing can be changed through the mount.
    pub read_only: bool,
    /// No syncing of the upper directory: for what is thrown away if the machine stops.
    pub volatile: bool,
}

impl Snapshots {
    /// Mounts `lowers` (topmost first), with the writable layer on top if there is one, without attaching the mount
    /// anywhere. The descriptor is the root of the tree, for `openat2` and the functions of [`crate::archive`].
    #[expect(clippy::todo, reason = "the interface is landed before the bodies")]
    pub fn mount_detached(
        &self,
        _lowers: &[PathBuf],
        _writable: Option<&Writable>,
        _options: MountOptions,
    ) -> Result<OwnedFd> {
        todo!()
    }
}
