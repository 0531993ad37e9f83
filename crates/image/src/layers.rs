//! The layers of images, as the registry client sees them: where they go and where they come from.

use std::io::{self, Read, Write};

use content::Ingest;
use distribution::{Form, Host, Source};
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
    fn form(&self, diff_id: &Digest) -> Result<Form> {
        let blobs = self.blobs(diff_id)?;
        let compressed = blobs.iter().find(|blob| !is_plain(blob));
        match compressed.or(blobs.first()) {
            Some(blob) if is_plain(blob) => Ok(Form::Plain(blob.size)),
            Some(blob) => Ok(Form::Compressed(Box::new(blob.clone()))),
            None => Err(errdefs::system(format!(
                "layer {diff_id} has no blob to send: pull or load the image again"
            ))),
        }
    }

    fn compress(&self, diff_id: &Digest, copy: &mut dyn Write) -> Result<Descriptor> {
        let content = &self.catalog.content;
        // Another push of the layer waits here, and then finds it compressed, perhaps no longer plain.
        let mut ingest = content.ingest(&format!("gzip {diff_id}"))?;
        if let Form::Compressed(blob) = self.form(diff_id)? {
            return Ok(*blob);
        }
        let blobs = self.blobs(diff_id)?;
        let plain = blobs.iter().find(|blob| is_plain(blob));
        let plain = plain.ok_or_else(|| errdefs::not_found(format!("layer {diff_id} has no plain form")))?;
        ingest.reset()?;
        let mut both = Both { ingest: &mut ingest, copy: Some(copy) };
        distribution::gzip::gzip(&mut content.open_verified(&plain.digest)?, &mut both)?;
        let blob = Descriptor::new(media_type::DOCKER_LAYER_GZIP, ingest.digest(), ingest.offset());
        self.lease.add(&[Held::Blob(blob.digest)]);
        ingest.commit(&blob.digest, Some(blob.size))?;
        // The plain form stays until the compressed one is known to be on the disk: see `Catalog::drop_plain_forms`.
        self.catalog.change_layer(diff_id, |layer| layer.know(&blob, None))?;
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

impl Outgoing<'_> {
    /// The forms of a layer that are here, held.
    fn blobs(&self, diff_id: &Digest) -> Result<Vec<Descriptor>> {
        let mut blobs =
            self.catalog.lock().layers.get(diff_id).map(|layer| layer.blobs.clone()).unwrap_or_default();
        self.lease.add(&Held::blobs(blobs.iter().map(|blob| &blob.digest)));
        let mut here = Vec::new();
        for blob in blobs.drain(..) {
            if self.catalog.content.has(&blob.digest)? {
                here.push(blob);
            }
        }
        Ok(here)
    }
}

/// Writes to the blob, and to the copy as long as somebody reads it.
struct Both<'a> {
    ingest: &'a mut Ingest,
    copy: Option<&'a mut dyn Write>,
}

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.ingest.write(bytes)?;
        if let Some(copy) = &mut self.copy
            && copy.write_all(&bytes[..count]).is_err()
        {
            self.copy = None;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
