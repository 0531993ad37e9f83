//! All images in memory, written through to the store: the one place where records change.
//!
//! Invariants: what is in memory is what is in the store; both change under one lock, the store first. An image in the
//! catalog is whole: its config is in `content` and its layers are in `snapshot`, and were flushed before its record.
//! A blob or layer is removed only under the lock, when no image and no hold names it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use content::Content;
use errdefs::{Class, Collected, Result};
use jiff::Timestamp;
use oci::digest::Digest;
use oci::image::ImageConfig;
use oci::manifest::Descriptor;
use oci::reference::Reference;
use parking_lot::{Mutex, MutexGuard};
use snapshot::Snapshots;
use store::Store;

use crate::image::{Image, ImageId};
use crate::layers::is_plain;
use crate::lease::{Held, Holds, Lease};
use crate::schema::{IMAGES, ImageRecord, LAYERS, LayerRecord, NAMES, NameRecord, PULLS};

/// Shared by the handle and the leases it gave.
pub(crate) struct Catalog {
    pub(crate) store: Arc<Store>,
    pub(crate) content: Content,
    pub(crate) snapshots: Snapshots,
    state: Mutex<State>,
}

/// What is known, in memory.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) images: HashMap<ImageId, Entry>,
    /// By the whole reference, so in order.
    pub(crate) names: BTreeMap<Reference, ImageId>,
    pub(crate) layers: HashMap<Digest, LayerRecord>,
    holds: Holds,
}

/// One image: what is stored, and the value that is given out.
pub(crate) struct Entry {
    pub(crate) record: ImageRecord,
    pub(crate) image: Arc<Image>,
}

/// An image to take in; its blobs and layers are here and held.
pub(crate) struct NewImage {
    pub(crate) id: ImageId,
    pub(crate) config: ImageConfig,
    pub(crate) manifest: Option<Descriptor>,
    pub(crate) index: Option<Digest>,
    pub(crate) parent: Option<ImageId>,
    /// Forms of the layers in `content`, in the order of the config's diff IDs; `None` where there is none new.
    pub(crate) blobs: Vec<Option<Descriptor>>,
    /// The repository the blobs came from.
    pub(crate) repository: Option<String>,
    pub(crate) names: Vec<Reference>,
    /// Key of the pull that this ends.
    pub(crate) pull: Option<String>,
}

/// An image to be taken away.
pub(crate) struct Forgotten {
    pub(crate) id: ImageId,
    /// Somebody uses them without it.
    pub(crate) keep_layers: bool,
}

/// What taking in changed.
#[derive(Debug, Default)]
pub(crate) struct Added {
    /// Names that pointed elsewhere or nowhere, with where.
    pub(crate) moved: Vec<(Reference, Option<ImageId>)>,
}

impl Catalog {
    /// Reads all records; images that are not whole are dropped with a warning, to be pulled again.
    pub(crate) fn open(store: Arc<Store>, content: Content, snapshots: Snapshots) -> Result<Self> {
        let catalog = Self { store, content, snapshots, state: Mutex::default() };
        let mut state = State::default();
        for (key, record) in catalog.store.list(&LAYERS)? {
            state.layers.insert(key.parse()?, record);
        }
        let mut broken = Vec::new();
        for (key, record) in catalog.store.list(&IMAGES)? {
            let id: Digest = key.parse()?;
            match catalog.read_image(&id, &record) {
                Ok(image) => {
                    state.images.insert(id, Entry { record, image: Arc::new(image) });
                }
                Err(error) if matches!(error.class(), Class::NotFound | Class::InvalidParameter) => {
                    tracing::warn!(image = %id, %error, "image is not whole, forgetting it");
                    broken.push(key);
                }
                Err(error) => return Err(error.context(format!("open image {id}"))),
            }
        }
        let mut orphans = Vec::new();
        for (key, record) in catalog.store.list(&NAMES)? {
            if state.images.contains_key(&record.image) {
                state.names.insert(Reference::parse(&key)?, record.image);
            } else {
                orphans.push(key);
            }
        }
        catalog.store.transaction(|tx| {
            broken.iter().try_for_each(|key| tx.delete(&IMAGES, key).map(drop))?;
            orphans.iter().try_for_each(|key| tx.delete(&NAMES, key).map(drop))
        })?;
        let mut names: HashMap<ImageId, Vec<Reference>> = HashMap::new();
        for (name, id) in &state.names {
            names.entry(*id).or_default().push(name.clone());
        }
        names.into_iter().for_each(|(id, names)| state.set_names(&id, &names));
        *catalog.state.lock() = state;
        Ok(catalog)
    }

    /// An image's value from its blobs, without names.
    fn read_image(&self, id: &ImageId, record: &ImageRecord) -> Result<Image> {
        let bytes = self.content.read(id, oci::image::CONFIG_BYTES_MAX)?;
        let config = ImageConfig::parse(&bytes)?;
        self.make_image(*id, config, record)
    }

    fn make_image(&self, id: ImageId, config: ImageConfig, record: &ImageRecord) -> Result<Image> {
        let mut layer_sizes = Vec::with_capacity(config.rootfs.diff_ids.len());
        for diff_id in &config.rootfs.diff_ids {
            layer_sizes.push(self.snapshots.layer_size(diff_id)?);
        }
        Ok(Image {
            id,
            created: config.created.as_deref().and_then(|created| created.parse().ok()),
            config: Arc::new(config),
            repo_tags: Vec::new(),
            repo_digests: Vec::new(),
            manifest: record.manifest.clone(),
            parent: record.parent,
            size: layer_sizes.iter().sum(),
            layer_sizes,
            last_tag_time: record.last_tag_time,
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Flushes everything, then makes the image and its names visible.
    pub(crate) fn add(&self, new: NewImage) -> Result<Added> {
        self.content.sync()?;
        self.snapshots.sync()?;
        let mut state = self.state.lock();
        let old = state.images.get(&new.id).map(|entry| entry.record.clone());
        let record = ImageRecord {
            manifest: new.manifest.or_else(|| old.as_ref().and_then(|old| old.manifest.clone())),
            index: new.index.or_else(|| old.as_ref().and_then(|old| old.index)),
            parent: new.parent.or_else(|| old.as_ref().and_then(|old| old.parent)),
            last_tag_time: if new.names.iter().any(|name| name.tag().is_some()) {
                Some(Timestamp::now())
            } else {
                old.and_then(|old| old.last_tag_time)
            },
        };
        let image = self.make_image(new.id, new.config, &record)?;
        let mut layers = HashMap::new();
        for (diff_id, blob) in image.layers().iter().zip(&new.blobs) {
            let mut layer = state.layers.get(diff_id).cloned().unwrap_or_default();
            if let Some(blob) = blob {
                layer.know(blob, new.repository.as_deref());
            }
            layers.insert(*diff_id, layer);
        }
        let id = new.id;
        self.store.transaction(|tx| {
            tx.put(&IMAGES, &id.to_string(), &record)?;
            for (diff_id, layer) in &layers {
                tx.put(&LAYERS, &diff_id.to_string(), layer)?;
            }
            for name in &new.names {
                tx.put(&NAMES, &name.canonical_string(), &NameRecord { image: id })?;
            }
            match &new.pull {
                Some(pull) => tx.delete(&PULLS, pull).map(drop),
                None => Ok(()),
            }
        })?;
        state.layers.extend(layers);
        state.images.insert(id, Entry { record, image: Arc::new(image) });
        let mut added = Added::default();
        for name in new.names {
            let previous = state.names.insert(name.clone(), id);
            if previous != Some(id) {
                added.moved.push((name, previous));
            }
        }
        let touched: HashSet<ImageId> =
            added.moved.iter().filter_map(|(_, previous)| *previous).chain([id]).collect();
        touched.iter().for_each(|id| state.refresh(id));
        drop(state);
        self.store.sync()?;
        Ok(added)
    }

    /// Points a name at an image; gives what it pointed at before.
    pub(crate) fn name(&self, name: &Reference, id: &ImageId) -> Result<Option<ImageId>> {
        let mut state = self.state.lock();
        let Some(entry) = state.images.get(id) else {
            return Err(errdefs::not_found(format!("No such image: {id}")));
        };
        let mut record = entry.record.clone();
        if name.tag().is_some() {
            record.last_tag_time = Some(Timestamp::now());
        }
        self.store.transaction(|tx| {
            tx.put(&IMAGES, &id.to_string(), &record)?;
            tx.put(&NAMES, &name.canonical_string(), &NameRecord { image: *id })
        })?;
        if let Some(entry) = state.images.get_mut(id) {
            entry.record = record;
        }
        let previous = state.names.insert(name.clone(), *id);
        state.refresh(id);
        if let Some(previous) = previous.filter(|previous| previous != id) {
            state.refresh(&previous);
        }
        Ok(previous)
    }

    /// Notes which manifest a push made of an image.
    pub(crate) fn set_manifest(&self, id: &ImageId, manifest: &Descriptor) -> Result<()> {
        let mut state = self.state.lock();
        let Some(entry) = state.images.get(id) else { return Ok(()) };
        let record = ImageRecord { manifest: Some(manifest.clone()), ..entry.record.clone() };
        self.store.put(&IMAGES, &id.to_string(), &record)?;
        if let Some(entry) = state.images.get_mut(id) {
            entry.record = record;
        }
        state.refresh(id);
        Ok(())
    }

    /// Changes what is known about a layer.
    pub(crate) fn change_layer(&self, diff_id: &Digest, change: impl FnOnce(&mut LayerRecord)) -> Result<()> {
        let mut state = self.state.lock();
        let mut layer = state.layers.get(diff_id).cloned().unwrap_or_default();
        change(&mut layer);
        self.store.put(&LAYERS, &diff_id.to_string(), &layer)?;
        state.layers.insert(*diff_id, layer);
        Ok(())
    }

    /// Takes names and images away, all at once; then what only those images needed is removed.
    pub(crate) fn forget(&self, state: &mut State, names: &[Reference], images: &[Forgotten]) -> Result<()> {
        self.store.transaction(|tx| {
            names.iter().try_for_each(|name| tx.delete(&NAMES, &name.canonical_string()).map(drop))?;
            images.iter().try_for_each(|image| tx.delete(&IMAGES, &image.id.to_string()).map(drop))
        })?;
        let mut among = Vec::new();
        for Forgotten { id, keep_layers } in images {
            let Some(entry) = state.images.remove(id) else { continue };
            let mut needed = state.needs(&entry);
            needed.retain(|held| !keep_layers || matches!(held, Held::Blob(_)));
            among.extend(needed);
        }
        for name in names {
            if let Some(id) = state.names.remove(name) {
                state.refresh(&id);
            }
        }
        self.collect_locked(state, &among)
    }

    pub(crate) fn hold(&self, held: &[Held]) {
        self.state.lock().holds.add(held);
    }

    pub(crate) fn release(&self, held: &[Held]) {
        self.state.lock().holds.remove(held);
    }

    /// Removes those of `among` that nobody needs.
    pub(crate) fn collect_among(&self, among: &[Held]) -> Result<()> {
        let mut state = self.state.lock();
        self.collect_locked(&mut state, among)
    }

    /// Removes every blob and layer that nobody needs; `kept` are needed besides. Gives the bytes of blobs freed.
    pub(crate) fn collect_all(&self, kept: &HashSet<Digest>) -> Result<u64> {
        let blobs = self.content.list()?;
        let layers = self.snapshots.list_layers()?;
        let mut among = Held::blobs(blobs.iter().map(|(digest, _)| digest));
        among.extend(Held::layers(&layers));
        among.retain(|held| !kept.contains(&held.digest()));
        self.collect_among(&among)?;
        let mut freed = 0;
        for (digest, size) in blobs {
            if !self.content.has(&digest)? {
                freed += size;
            }
        }
        Ok(freed)
    }

    /// Removes what an unfinished pull has brought, whole and in parts, and forgets the pull.
    pub(crate) fn abandon(&self, lease: Lease, pull: &str) -> Result<()> {
        let digests = lease.digests();
        drop(lease);
        let mut teardown = Collected::new();
        for digest in &digests {
            teardown.step(self.content.forget_ingest(&digest.to_string()));
        }
        let both = [Held::blobs(&digests), Held::layers(&digests)].concat();
        teardown.step(self.collect_among(&both));
        teardown.step(self.store.delete(&PULLS, pull));
        // Where the parts of layers are that could not be unpacked.
        self.empty_trash_later();
        teardown.finish()
    }

    /// Forgets and removes the plain tars of layers that are kept compressed too, once those are flushed.
    pub(crate) fn drop_plain_forms(&self) -> Result<()> {
        let superseded: Vec<(Digest, Held)> = {
            let state = self.state.lock();
            let both =
                state.layers.iter().filter(|(_, layer)| layer.blobs.iter().any(|blob| !is_plain(blob)));
            both.flat_map(|(diff_id, layer)| {
                let plain = layer.blobs.iter().filter(|blob| is_plain(blob));
                plain.map(|blob| (*diff_id, Held::Blob(blob.digest)))
            })
            .collect()
        };
        if superseded.is_empty() {
            return Ok(());
        }
        self.content.sync()?;
        for (diff_id, plain) in superseded {
            self.change_layer(&diff_id, |layer| layer.blobs.retain(|blob| !is_plain(blob)))?;
            self.collect_among(&[plain])?;
        }
        Ok(())
    }

    fn collect_locked(&self, state: &mut State, among: &[Held]) -> Result<()> {
        let mut unneeded: HashSet<Held> =
            among.iter().filter(|held| !state.holds.contains(held)).copied().collect();
        for entry in state.images.values() {
            // The end of a container's lease mostly stops at the first image that it looks at.
            if unneeded.is_empty() {
                return Ok(());
            }
            for held in state.needs(entry) {
                unneeded.remove(&held);
            }
        }
        let mut any_layer = false;
        for held in unneeded {
            match held {
                Held::Layer(diff_id) => {
                    // The record goes first: a blob without one is found by the next collection, a record without
                    // its layer would be believed.
                    if state.layers.remove(&diff_id).is_some() {
                        self.store.delete(&LAYERS, &diff_id.to_string())?;
                    }
                    if self.snapshots.layer_exists(&diff_id)? {
                        self.snapshots.remove_layer(&diff_id)?;
                        any_layer = true;
                    }
                }
                Held::Blob(digest) => {
                    if self.content.has(&digest)? {
                        self.content.delete(&digest)?;
                    }
                }
            }
        }
        if any_layer {
            self.empty_trash_later();
        }
        Ok(())
    }

    /// Deletes the files of removed layers in the background: a large one takes seconds.
    fn empty_trash_later(&self) {
        let snapshots = self.snapshots.clone();
        let emptying = std::thread::Builder::new().name("layer-trash".into()).spawn(move || {
            if let Err(error) = snapshots.empty_trash_in_the_end() {
                tracing::warn!(%error, "empty the trash of layers: tried again later");
            }
        });
        // It is emptied when the next layer is removed, or at the next start.
        if let Err(error) = emptying {
            tracing::warn!(%error, "start a thread for the trash of layers");
        }
    }
}

impl State {
    /// The names of an image, tags and digests, in order.
    pub(crate) fn names_of(&self, id: &ImageId) -> Vec<Reference> {
        self.names.iter().filter(|(_, image)| *image == id).map(|(name, _)| name.clone()).collect()
    }

    /// Images that were committed from this one.
    pub(crate) fn has_children(&self, id: &ImageId) -> bool {
        self.images.values().any(|entry| entry.record.parent == Some(*id))
    }

    /// Every blob and layer that an image needs.
    fn needs(&self, entry: &Entry) -> Vec<Held> {
        let mut blobs = vec![entry.image.id];
        blobs.extend(entry.record.manifest.as_ref().map(|manifest| manifest.digest));
        blobs.extend(entry.record.index);
        for layer in entry.image.layers().iter().filter_map(|diff_id| self.layers.get(diff_id)) {
            blobs.extend(layer.blobs.iter().map(|blob| blob.digest));
        }
        let mut all = Held::blobs(&blobs);
        all.extend(Held::layers(entry.image.layers()));
        all
    }

    /// Makes an image's value anew after its record or its names changed.
    fn refresh(&mut self, id: &ImageId) {
        let names = self.names_of(id);
        self.set_names(id, &names);
    }

    fn set_names(&mut self, id: &ImageId, names: &[Reference]) {
        let Some(entry) = self.images.get_mut(id) else { return };
        let mut image = Image::clone(&entry.image);
        image.manifest = entry.record.manifest.clone();
        image.parent = entry.record.parent;
        image.last_tag_time = entry.record.last_tag_time;
        let (digests, tags): (Vec<&Reference>, Vec<&Reference>) =
            names.iter().partition(|name| name.digest().is_some());
        image.repo_tags = tags.iter().map(|name| name.familiar()).collect();
        image.repo_digests = digests.iter().map(|name| name.familiar()).collect();
        entry.image = Arc::new(image);
    }
}

impl LayerRecord {
    /// Notes one more form, and where it is known to be.
    pub(crate) fn know(&mut self, blob: &Descriptor, repository: Option<&str>) {
        if !self.blobs.iter().any(|known| known.digest == blob.digest) {
            let plain = Descriptor::new(&blob.media_type, blob.digest, blob.size);
            self.blobs.push(plain);
        }
        if let Some(repository) = repository
            && !self.repositories.iter().any(|known| known == repository)
        {
            self.repositories.push(repository.to_owned());
        }
    }
}
