//! The handle on all images of a data directory.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::Arc;

use content::Content;
use distribution::{Cancel, Client, Progress};
use errdefs::Result;
use jiff::{SignedDuration, Timestamp};
use oci::digest::Digest;
use oci::reference::Reference;
use parking_lot::Mutex;
use snapshot::Snapshots;
use store::Store;

use crate::catalog::Catalog;
use crate::filter::ListFilter;
use crate::find::stored_form;
use crate::history::HistoryEntry;
use crate::image::{Image, ImageId};
use crate::lease::{Held, Lease};
use crate::request::{
    CommitRequest, Deleted, ImportRequest, LoadRequest, PruneFilter, Pruned, PullRequest, Pulled,
    PushRequest, RemoveRequest, SaveRequest, Tagged, Usage, Use,
};
use crate::schema::PULLS;
use crate::{commit, load, pull, save};

/// How long an unfinished pull's parts are kept for the next try.
const UNFINISHED_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// All images. Every method may be called from any thread; long ones block theirs.
pub struct Images {
    catalog: Arc<Catalog>,
    client: Arc<Client>,
    pruning: Mutex<()>,
}

impl Images {
    /// Opens the images of a data directory. Nothing is removed yet: see [`Images::collect`].
    pub fn open(
        store: Arc<Store>,
        content: Content,
        snapshots: Snapshots,
        client: Arc<Client>,
    ) -> Result<Self> {
        let catalog = Arc::new(Catalog::open(store, content, snapshots)?);
        Ok(Self { catalog, client, pruning: Mutex::new(()) })
    }

    /// Removes every blob and layer that no image, no lease and no unfinished pull of the last day needs. To be called
    /// once at start, after the containers have taken their leases.
    pub fn collect(&self) -> Result<()> {
        let oldest = Timestamp::now() - UNFINISHED_KEPT;
        let mut kept = HashSet::new();
        for (key, pull) in self.catalog.store.list(&PULLS)? {
            if pull.started < oldest {
                self.catalog.store.delete(&PULLS, &key)?;
            } else {
                kept.extend(pull.digests);
            }
        }
        self.catalog.drop_plain_forms()?;
        self.catalog.collect_all(&kept).map(drop)
    }

    /// The image of a name, an ID or the start of an ID. `NotFound` with Docker's `No such image: x:latest`.
    pub fn get(&self, name: &str) -> Result<Arc<Image>> {
        self.catalog.lock().find(name)
    }

    /// The image with this ID.
    pub fn by_id(&self, id: &ImageId) -> Option<Arc<Image>> {
        self.catalog.lock().images.get(id).map(|entry| entry.image.clone())
    }

    /// The exact bytes of an image's config.
    pub fn config_bytes(&self, id: &ImageId) -> Result<Vec<u8>> {
        self.catalog.content.read(id, oci::image::CONFIG_BYTES_MAX)
    }

    /// The images that pass a filter, newest first; served from memory.
    pub fn list(&self, filter: &ListFilter) -> Result<Vec<Arc<Image>>> {
        self.catalog.lock().list(filter)
    }

    /// How an image was made, newest step first.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryEntry>> {
        let state = self.catalog.lock();
        let image = state.find(name)?;
        Ok(state.history(&image))
    }

    /// What images cost on disk.
    pub fn usage(&self) -> Usage {
        let state = self.catalog.lock();
        let mut users: std::collections::HashMap<Digest, (u64, usize)> = std::collections::HashMap::new();
        for entry in state.images.values() {
            let mut own = HashSet::new();
            for (layer, size) in entry.image.layers().iter().zip(&entry.image.layer_sizes) {
                if own.insert(*layer) {
                    users.entry(*layer).or_insert((*size, 0)).1 += 1;
                }
            }
        }
        let shared = |image: &Image| {
            let own: HashSet<&Digest> = image.layers().iter().collect();
            own.iter()
                .filter_map(|layer| users.get(layer))
                .filter(|(_, count)| *count > 1)
                .map(|(size, _)| size)
                .sum()
        };
        Usage {
            layers: users.values().map(|(size, _)| size).sum(),
            shared: state.images.values().map(|entry| (entry.image.id, shared(&entry.image))).collect(),
        }
    }

    /// Keeps an image from being collected. A container takes one before its record is made and keeps it as long as it
    /// exists.
    pub fn lease(&self, id: &ImageId) -> Result<Lease> {
        let image = self.by_id(id).ok_or_else(|| errdefs::not_found(format!("No such image: {id}")))?;
        let mut held = vec![Held::Blob(image.id)];
        held.extend(Held::layers(image.layers()));
        let lease = Lease::new(self.catalog.clone(), &held, true);
        // Removed between the two: then the lease may hold nothing.
        match self.by_id(id) {
            Some(_) => Ok(lease),
            None => Err(errdefs::not_found(format!("No such image: {id}"))),
        }
    }

    /// Keeps layers from being collected: for a container found at start whose image is gone.
    pub fn lease_layers(&self, diff_ids: &[Digest]) -> Lease {
        Lease::new(self.catalog.clone(), &Held::layers(diff_ids), true)
    }

    /// Fetches one image, or all tags of a repository. Docker's texts for everything that can go wrong.
    pub fn pull(
        &self,
        request: &PullRequest,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Vec<Pulled>> {
        pull::pull(&self.catalog, &self.client, request, progress, cancel)
    }

    /// Sends one image, or all tags of a repository.
    pub fn push(&self, request: &PushRequest, progress: &dyn Progress, cancel: &Cancel) -> Result<()> {
        pull::push(&self.catalog, &self.client, request, progress, cancel)
    }

    /// Removes the tars of layers that a push has compressed; waits for the disk before.
    pub fn drop_plain_forms(&self) -> Result<()> {
        self.catalog.drop_plain_forms()
    }

    /// Makes an image from a tar of a root file system: plain, gzip, zstd, bzip2 or xz.
    pub fn import(
        &self,
        request: &ImportRequest,
        root: &mut (dyn Read + Send),
        progress: &dyn Progress,
    ) -> Result<ImageId> {
        commit::import(&self.catalog, request, root, progress)
    }

    /// Takes in the images of an archive that `save` wrote, ours or anybody's; compressed as for `import`.
    pub fn load(
        &self,
        request: &LoadRequest,
        archive: &mut (dyn Read + Send),
        progress: &dyn Progress,
    ) -> Result<Vec<Tagged>> {
        load::load(&self.catalog, request, archive, progress)
    }

    /// Writes images as an OCI layout with Docker's `manifest.json`. Names are resolved before anything is written.
    pub fn save(&self, request: &SaveRequest, archive: &mut dyn Write) -> Result<()> {
        save::save(&self.catalog, request, archive)
    }

    /// Gives an image a name.
    pub fn tag(&self, image: &str, reference: &Reference) -> Result<Tagged> {
        if reference.digest().is_some() {
            return Err(errdefs::invalid("refusing to create a tag with a digest reference"));
        }
        let name = stored_form(reference);
        let ours = name.familiar();
        if ours.split(':').next() == Some("sha256") {
            return Err(errdefs::invalid(
                "refusing to create an ambiguous tag using digest algorithm as name",
            ));
        }
        let id = self.get(image)?.id;
        let previous = self.catalog.name(&name, &id)?;
        Ok(Tagged { name: name.familiar(), id, previous })
    }

    /// Takes away a name and, with the last one, the image. `in_use` says which containers use an image; it is called
    /// without any lock held.
    pub fn remove(
        &self,
        request: &RemoveRequest,
        in_use: &dyn Fn(&ImageId) -> Vec<Use>,
    ) -> Result<Vec<Deleted>> {
        self.catalog.remove(request, in_use)
    }

    /// Removes images that nobody uses, and what failed pulls left. A second prune at the same time is a `Conflict`.
    pub fn prune(&self, filter: &PruneFilter, in_use: &dyn Fn(&ImageId) -> Vec<Use>) -> Result<Pruned> {
        let Some(_alone) = self.pruning.try_lock() else {
            return Err(errdefs::conflict("a prune operation is already running"));
        };
        let mut pruned = self.catalog.prune(filter, in_use)?;
        for (key, pull) in self.catalog.store.list(&PULLS)? {
            self.catalog.store.delete(&PULLS, &key)?;
            let both = [Held::blobs(&pull.digests), Held::layers(&pull.digests)].concat();
            self.catalog.collect_among(&both)?;
        }
        self.catalog.drop_plain_forms()?;
        pruned.reclaimed += self.catalog.content.prune_ingests()?;
        Ok(pruned)
    }

    /// Makes an image of a parent and one more layer. `diff` writes the layer's tar (an empty one adds no layer); it
    /// runs on a thread of its own.
    pub fn commit(
        &self,
        request: &CommitRequest,
        diff: impl FnOnce(&mut dyn Write) -> Result<()> + Send,
    ) -> Result<ImageId> {
        commit::commit(&self.catalog, request, diff)
    }
}
