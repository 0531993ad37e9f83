//! The layers of images, as the registry client sees them: where they go and where they come from.

use std::io::Read;

use distribution::{Host, Source};
use errdefs::Result;
use jiff::Timestamp;
use oci::digest::Digest;
use oci::manifest::{Descriptor, media_type};
use oci::reference::Reference;
use snapshot::ApplyOptions;

use crate::catalog::Catalog;
use crate::lease::{Held, Lease};
use crate::schema::{PULLS, PullRecord};

/// Takes in what a pull fetches.
pub(crate) struct Incoming<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) lease: &'a Lease,
    /// Under which the pull is remembered until it has ended well.
    pub(crate) key: &'a str,
}

impl Host for Incoming<'_> {
    fn hold(&self, digests: &[Digest]) {
        // A diff ID and a blob's digest look alike here: both are held.
        self.lease.add(&Held::blobs(digests));
        self.lease.add(&Held::layers(digests));
        let record = PullRecord { started: Timestamp::now(), digests: self.lease.digests() };
        // Only what a killed daemon would fetch again depends on it.
        if let Err(error) = self.catalog.store.put(&PULLS, self.key, &record) {
            tracing::warn!(%error, "remember an unfinished pull");
        }
    }

    fn has_image(&self, config: &Digest) -> bool {
        self.catalog.lock().images.contains_key(config)
    }

    fn unpacked(&self, diff_id: &Digest) -> Result<bool> {
        self.catalog.snapshots.layer_exists(diff_id)
    }

    fn apply(&self, diff_id: &Digest, tar: &mut (dyn Read + Send)) -> Result<()> {
        let options = ApplyOptions { expected: Some(*diff_id), ..ApplyOptions::default() };
        self.catalog.snapshots.apply(&options, tar).map(drop)
    }
}

/// Gives out what a push sends.
pub(crate) struct Outgoing<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) lease: &'a Lease,
}

impl Source for Outgoing<'_> {
    fn compressed(&self, diff_id: &Digest) -> Result<Descriptor> {
        let catalog = self.catalog;
        let blobs = catalog.lock().layers.get(diff_id).map(|layer| layer.blobs.clone()).unwrap_or_default();
        self.lease.add(&Held::blobs(blobs.iter().map(|blob| &blob.digest)));
        let mut plain = None;
        for blob in blobs {
            if !catalog.content.has(&blob.digest)? {
                continue;
            }
            if is_plain(&blob) {
                plain = Some(blob);
            } else {
                return Ok(blob);
            }
        }
        let Some(plain) = plain else {
            return Err(errdefs::system(format!(
                "layer {diff_id} has no blob to send: pull or load the image again"
            )));
        };
        let mut ingest = catalog.content.ingest(&format!("gzip {diff_id}"))?;
        ingest.reset()?;
        distribution::gzip::gzip(&mut catalog.content.open_verified(&plain.digest)?, &mut ingest)?;
        let blob = Descriptor::new(media_type::DOCKER_LAYER_GZIP, ingest.digest(), ingest.offset());
        self.lease.add(&[Held::Blob(blob.digest)]);
        ingest.commit(&blob.digest, Some(blob.size))?;
        catalog.content.sync()?;
        // One form is enough: the lease's end removes the plain one.
        catalog.change_layer(diff_id, |layer| {
            layer.blobs.retain(|known| !is_plain(known));
            layer.know(&blob, None);
        })?;
        Ok(blob)
    }

    fn repositories(&self, blob: &Digest, domain: &str) -> Vec<String> {
        let state = self.catalog.lock();
        let of = |name: &String| Some(name.strip_prefix(domain)?.strip_prefix('/')?.to_owned());
        state
            .layers
            .values()
            .filter(|layer| layer.blobs.iter().any(|known| known.digest == *blob))
            .flat_map(|layer| layer.repositories.iter().rev().filter_map(of))
            .take(MOUNTS_MAX)
            .collect()
    }

    fn sent(&self, blob: &Digest, repository: &Reference) {
        let name = repository.name();
        let diff_id = {
            let state = self.catalog.lock();
            let mut all = state.layers.iter();
            all.find(|(_, layer)| {
                layer.blobs.iter().any(|known| known.digest == *blob) && !layer.repositories.contains(&name)
            })
            .map(|(diff_id, _)| *diff_id)
        };
        let Some(diff_id) = diff_id else { return };
        let noted = self.catalog.change_layer(&diff_id, |layer| {
            layer.repositories.push(name);
            let surplus = layer.repositories.len().saturating_sub(REPOSITORIES_MAX);
            layer.repositories.drain(..surplus);
        });
        // Only a later push's mount depends on it.
        if let Err(error) = noted {
            tracing::warn!(%error, "note where a layer is");
        }
    }
}

/// Repositories that are asked for a mount, newest first; Docker asks four.
const MOUNTS_MAX: usize = 4;

/// Repositories remembered a layer.
const REPOSITORIES_MAX: usize = 50;

/// Whether a layer's form is the bare tar.
pub(crate) fn is_plain(blob: &Descriptor) -> bool {
    matches!(blob.media_type.as_str(), media_type::OCI_LAYER | media_type::DOCKER_LAYER)
}
