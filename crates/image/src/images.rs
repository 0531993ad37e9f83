//! The handle on all images of a data directory.

use std::io::{Read, Write};
use std::sync::Arc;

use distribution::{Cancel, Client, Progress};
use errdefs::Result;
use oci::reference::Reference;
use store::Store;

use crate::filter::ListFilter;
use crate::history::HistoryEntry;
use crate::image::{Image, ImageId};
use crate::lease::Lease;
use crate::request::*;

/// All images. Every method may be called from any thread; long ones block theirs.
pub struct Images {
    _store: Arc<Store>,
    _client: Arc<Client>,
}

#[expect(clippy::todo, reason = "the interface first; the bodies follow")]
impl Images {
    /// Opens the images of a data directory: removes what an interrupted operation left, reads the records.
    pub fn open(store: Arc<Store>, client: Arc<Client>) -> Result<Self> {
        Ok(Self { _store: store, _client: client })
    }

    /// The image of a name, an ID or the start of an ID. `NotFound` with Docker's `No such image: x:latest`.
    pub fn get(&self, _name: &str) -> Result<Arc<Image>> {
        todo!()
    }

    /// The image with this ID.
    pub fn by_id(&self, _id: &ImageId) -> Option<Arc<Image>> {
        todo!()
    }

    /// The exact bytes of an image's config.
    pub fn config_bytes(&self, _id: &ImageId) -> Result<Vec<u8>> {
        todo!()
    }

    /// The images that pass a filter, newest first; served from memory.
    pub fn list(&self, _filter: &ListFilter) -> Result<Vec<Arc<Image>>> {
        todo!()
    }

    /// How an image was made, newest step first.
    pub fn history(&self, _name: &str) -> Result<Vec<HistoryEntry>> {
        todo!()
    }

    /// What images cost on disk.
    pub fn usage(&self) -> Usage {
        todo!()
    }

    /// Keeps an image from being collected: take it before making a container's record, drop it after.
    pub fn lease(&self, _id: &ImageId) -> Result<Lease> {
        todo!()
    }

    /// Fetches one image, or all tags of a repository. Docker's texts for everything that can go wrong.
    pub fn pull(
        &self,
        _request: &PullRequest,
        _progress: &dyn Progress,
        _cancel: &Cancel,
    ) -> Result<Vec<Pulled>> {
        todo!()
    }

    /// Sends one image, or all tags of a repository.
    pub fn push(&self, _request: &PushRequest, _progress: &dyn Progress, _cancel: &Cancel) -> Result<()> {
        todo!()
    }

    /// Makes an image from a tar of a root file system.
    pub fn import(
        &self,
        _request: &ImportRequest,
        _root: &mut (dyn Read + Send),
        _progress: &dyn Progress,
    ) -> Result<ImageId> {
        todo!()
    }

    /// Takes in the images of an archive that `save` wrote, ours or anybody's.
    pub fn load(
        &self,
        _request: &LoadRequest,
        _archive: &mut (dyn Read + Send),
        _progress: &dyn Progress,
    ) -> Result<Vec<Tagged>> {
        todo!()
    }

    /// Writes images as an OCI layout with Docker's `manifest.json`. Names are resolved before anything is written.
    pub fn save(&self, _request: &SaveRequest, _archive: &mut dyn Write) -> Result<()> {
        todo!()
    }

    /// Gives an image a name.
    pub fn tag(&self, _image: &str, _reference: &Reference) -> Result<Tagged> {
        todo!()
    }

    /// Takes away a name and, with the last one, the image. `in_use` says which containers use an image.
    pub fn remove(
        &self,
        _request: &RemoveRequest,
        _in_use: &dyn Fn(&ImageId) -> Vec<Use>,
    ) -> Result<Vec<Deleted>> {
        todo!()
    }

    /// Removes images that nobody uses. A second prune at the same time is a `Conflict`.
    pub fn prune(&self, _filter: &PruneFilter, _in_use: &dyn Fn(&ImageId) -> Vec<Use>) -> Result<Pruned> {
        todo!()
    }

    /// Makes an image of a parent and one more layer. `diff` writes the layer's tar (an empty one adds no layer); it
    /// runs on a thread of its own.
    pub fn commit(
        &self,
        _request: &CommitRequest,
        _diff: impl FnOnce(&mut dyn Write) -> Result<()> + Send,
    ) -> Result<ImageId> {
        todo!()
    }
}
