//! The handle on all volumes.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use errdefs::Result;
use store::Store;

use crate::{Volume, VolumeSpec};

/// All volumes below one directory. Clones share everything.
#[derive(Clone)]
pub struct Volumes {
    _root: PathBuf,
    _store: Arc<Store>,
}

impl Volumes {
    /// Opens (and makes) the directory `root`, mode 0701 as Docker's, and finishes or undoes what a crash left half done.
    ///
    /// # Errors
    /// If the directory or the records cannot be read.
    pub fn open(_root: &Path, _store: Arc<Store>) -> Result<Self> {
        todo!("open")
    }

    /// Makes a volume, or gives the one that has this name (with the same driver and options).
    ///
    /// # Errors
    /// InvalidParameter for a wrong name or options, NotFound for an unknown driver, Conflict for the same name with
    /// another driver or other options; all in Docker's words.
    pub fn create(&self, _spec: &VolumeSpec) -> Result<Arc<Volume>> {
        todo!("create")
    }

    /// The volume with this exact name.
    ///
    /// # Errors
    /// NotFound `get x: no such volume`.
    pub fn get(&self, _name: &str) -> Result<Arc<Volume>> {
        todo!("get")
    }

    /// All volumes, ordered by name. The engine filters.
    pub fn list(&self) -> Vec<Arc<Volume>> {
        todo!("list")
    }

    /// Removes a volume and its data; `users` are the ids of containers that refer to it.
    ///
    /// # Errors
    /// NotFound; Conflict `remove x: volume is in use - [id]` when `users` is not empty.
    pub fn remove(&self, _name: &str, _users: &[String]) -> Result<()> {
        todo!("remove")
    }

    /// Bytes of disk that the volume's files take (hard links counted once).
    ///
    /// # Errors
    /// NotFound, or if the tree cannot be read.
    pub fn size(&self, _name: &str) -> Result<u64> {
        todo!("size")
    }

    /// Makes a volume ready for a container that starts: mounts it if it has mount options and is not mounted yet. Gives a
    /// descriptor of its data directory (`O_PATH`): bind that, so that no path is walked twice.
    ///
    /// # Errors
    /// NotFound; Docker's mount errors; NotImplemented for what this kernel or program cannot mount.
    pub fn acquire(&self, _name: &str, _user: &str) -> Result<OwnedFd> {
        todo!("acquire")
    }

    /// The container `user` has stopped using the volume; the last one unmounts it.
    ///
    /// # Errors
    /// If unmounting fails.
    pub fn release(&self, _name: &str, _user: &str) -> Result<()> {
        todo!("release")
    }

    /// Fills an empty volume with what the image has at the mount point. `source` is that directory, opened by the caller
    /// inside the image's root; does nothing (false) when the volume has content. Owners, modes, times, extended
    /// attributes, symbolic and hard links are kept, the directory's own owner and mode too. All or nothing.
    ///
    /// # Errors
    /// NotFound, or if reading or writing fails; then the volume is empty as before.
    pub fn copy_up(&self, _name: &str, _source: BorrowedFd<'_>) -> Result<bool> {
        todo!("copy_up")
    }
}
