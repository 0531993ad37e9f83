//! `docker save`: images as one archive that both Docker and OCI tools read.
//!
//! The archive is an OCI layout (`oci-layout`, `index.json`, `blobs/`) with Docker's `manifest.json` and
//! `repositories` beside it. Layers are written in the form that is kept, so an image that was pulled is saved with the
//! bytes and the manifest it was pulled with. The small files come first: a reader of a stream then knows what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::sync::Arc;

use errdefs::{Context, Result};
use jiff::Timestamp;
use oci::digest::Digest;
use oci::manifest::{Descriptor, Index, Manifest, media_type};
use oci::reference::{Reference, is_hex_id};
use serde::Serialize;
use snapshot::tarball::{Entry, Kind, Time, Writer};

use crate::catalog::{Catalog, State};
use crate::find::stored_form;
use crate::image::Image;
use crate::layers::is_plain;
use crate::lease::{Held, Lease};
use crate::request::SaveRequest;

/// Containerd's annotation for the whole name of an image in a layout.
pub(crate) const NAME_ANNOTATION: &str = "io.containerd.image.name";
/// OCI's annotation for a tag.
pub(crate) const TAG_ANNOTATION: &str = "org.opencontainers.image.ref.name";

/// One image of Docker's `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
    layer_sources: BTreeMap<String, Descriptor>,
}

/// One image to save, with what is kept of it.
struct Saved {
    image: Arc<Image>,
    names: Vec<Reference>,
    layers: Vec<Descriptor>,
    manifest: Descriptor,
}

/// Writes the images of a request.
pub(crate) fn save(catalog: &Arc<Catalog>, request: &SaveRequest, archive: &mut dyn Write) -> Result<()> {
    let lease = Lease::new(catalog.clone(), &[], true);
    let mut made = BTreeMap::new();
    let found = resolve(&catalog.lock(), &request.names)?;
    let mut saved = Vec::new();
    for (image, names) in found {
        let (layers, manifest, bytes) = parts(catalog, &lease, &image)?;
        if let Some(bytes) = bytes {
            made.insert(manifest.digest, bytes);
        }
        saved.push(Saved { image, names, layers, manifest });
    }
    let mut archive = Archive { writer: Writer::new(archive), catalog };
    archive.small("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    archive.small("index.json", &index(&saved).to_bytes())?;
    archive.small("manifest.json", &json(&items(&saved))?)?;
    archive.small("repositories", &json(&repositories(&saved))?)?;
    archive.directory("blobs/")?;
    archive.directory("blobs/sha256/")?;
    let blobs: BTreeSet<Digest> = saved
        .iter()
        .flat_map(|saved| {
            let layers = saved.layers.iter().map(|layer| layer.digest);
            layers.chain([saved.image.id, saved.manifest.digest])
        })
        .collect();
    for digest in &blobs {
        match made.get(digest) {
            Some(bytes) => archive.small(&blob_path(digest), bytes)?,
            None => archive.blob(digest)?,
        }
    }
    archive.writer.finish().map(drop)
}

/// The images of some names, each once, with the names to write.
fn resolve(state: &State, names: &[String]) -> Result<Vec<(Arc<Image>, Vec<Reference>)>> {
    let mut found: Vec<(Arc<Image>, Vec<Reference>)> = Vec::new();
    let mut add = |image: Arc<Image>, names: Vec<Reference>| match found
        .iter_mut()
        .find(|(known, _)| known.id == image.id)
    {
        Some((_, known)) => known.extend(names),
        None => found.push((image, names)),
    };
    for text in names {
        let reference = if is_hex_id(text) { None } else { Reference::parse(text).ok() };
        // Docker's words depend on how much of a name it is.
        let missing = match &reference {
            Some(reference) if !reference.is_name_only() => "reference does not exist".to_owned(),
            _ => format!("No such image: {text}"),
        };
        if let Some(reference) = reference {
            if reference.is_name_only() {
                let of_repository: Vec<(Reference, Digest)> = state
                    .names
                    .iter()
                    .filter(|(name, _)| name.tag().is_some() && name.name() == reference.name())
                    .map(|(name, id)| (name.clone(), *id))
                    .collect();
                if !of_repository.is_empty() {
                    for (name, id) in of_repository {
                        let image = state.find(&id.to_string())?;
                        add(image, vec![name]);
                    }
                    continue;
                }
            } else if let Some(id) = state.names.get(&stored_form(&reference)) {
                let name = stored_form(&reference);
                add(state.find(&id.to_string())?, if name.tag().is_some() { vec![name] } else { Vec::new() });
                continue;
            }
        }
        let image = state.find(text).map_err(|error| match error.class() {
            errdefs::Class::NotFound => errdefs::not_found(missing.clone()),
            _ => error,
        })?;
        add(image, Vec::new());
    }
    Ok(found)
}

/// An image's layers as kept, and its manifest: the one it came with if it fits them, else a new one with its bytes.
fn parts(
    catalog: &Catalog,
    lease: &Lease,
    image: &Image,
) -> Result<(Vec<Descriptor>, Descriptor, Option<Vec<u8>>)> {
    let blobs: Vec<Vec<Descriptor>> = {
        let state = catalog.lock();
        let of =
            |diff_id: &Digest| state.layers.get(diff_id).map(|layer| layer.blobs.clone()).unwrap_or_default();
        image.layers().iter().map(of).collect()
    };
    lease.add(&[Held::Blob(image.id)]);
    lease.add(&Held::blobs(image.manifest.iter().map(|manifest| &manifest.digest)));
    lease.add(&Held::blobs(blobs.iter().flatten().map(|blob| &blob.digest)));
    if let Some(descriptor) = &image.manifest
        && catalog.content.has(&descriptor.digest)?
    {
        let bytes = catalog.content.read(&descriptor.digest, oci::manifest::MANIFEST_BYTES_MAX)?;
        let manifest = Manifest::parse(&bytes, Some(&descriptor.media_type))?;
        let mut here = manifest.config.digest == image.id && manifest.layers.len() == image.layers().len();
        for layer in &manifest.layers {
            here = here && catalog.content.has(&layer.digest)?;
        }
        if here {
            return Ok((manifest.layers, descriptor.clone(), None));
        }
    }
    let mut layers = Vec::new();
    for (diff_id, forms) in image.layers().iter().zip(blobs) {
        let mut form = None;
        for blob in forms {
            if form.is_none() && catalog.content.has(&blob.digest)? {
                form = Some(blob);
            }
        }
        let mut form = form.ok_or_else(|| {
            errdefs::system(format!("layer {diff_id} has no blob to save: pull or load the image again"))
        })?;
        oci_layer_type(&form).clone_into(&mut form.media_type);
        layers.push(form);
    }
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.to_owned()),
        artifact_type: None,
        config: Descriptor::new(media_type::OCI_CONFIG, image.id, catalog.content.size(&image.id)?),
        layers: layers.clone(),
        subject: None,
        annotations: BTreeMap::new(),
    };
    let bytes = manifest.to_bytes();
    Ok((layers, Descriptor::of(media_type::OCI_MANIFEST, &bytes), Some(bytes)))
}

fn oci_layer_type(blob: &Descriptor) -> &'static str {
    match blob.media_type.as_str() {
        media_type::OCI_LAYER_ZSTD | media_type::DOCKER_LAYER_ZSTD => media_type::OCI_LAYER_ZSTD,
        _ if is_plain(blob) => media_type::OCI_LAYER,
        _ => media_type::OCI_LAYER_GZIP,
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn index(saved: &[Saved]) -> Index {
    let mut manifests = Vec::new();
    for saved in saved {
        let plain = Descriptor::new(&saved.manifest.media_type, saved.manifest.digest, saved.manifest.size);
        if saved.names.is_empty() {
            manifests.push(plain.clone());
        }
        for name in &saved.names {
            let mut named = plain.clone();
            named.annotations.insert(NAME_ANNOTATION.to_owned(), name.canonical_string());
            named.annotations.insert(TAG_ANNOTATION.to_owned(), name.tag().unwrap_or_default().to_owned());
            manifests.push(named);
        }
    }
    Index {
        schema_version: 2,
        media_type: Some(media_type::OCI_INDEX.to_owned()),
        artifact_type: None,
        manifests,
        subject: None,
        annotations: BTreeMap::new(),
    }
}

fn items(saved: &[Saved]) -> Vec<Item> {
    let item = |saved: &Saved| Item {
        config: blob_path(&saved.image.id),
        repo_tags: saved.names.iter().map(Reference::familiar).collect(),
        layers: saved.layers.iter().map(|layer| blob_path(&layer.digest)).collect(),
        layer_sources: saved
            .image
            .layers()
            .iter()
            .zip(&saved.layers)
            .map(|(diff_id, layer)| (diff_id.to_string(), layer.clone()))
            .collect(),
    };
    saved.iter().map(item).collect()
}

/// The oldest form of the names: repository → tag → the topmost layer.
fn repositories(saved: &[Saved]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for saved in saved {
        let Some(top) = saved.image.layers().last() else { continue };
        for name in &saved.names {
            let tag = name.tag().unwrap_or_default().to_owned();
            all.entry(name.familiar_name()).or_default().insert(tag, top.hex());
        }
    }
    all
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).context(|| "encode JSON")
}

struct Archive<'a, W> {
    writer: Writer<W>,
    catalog: &'a Catalog,
}

impl<W: Write> Archive<'_, W> {
    fn entry(&self, path: &str, kind: Kind, mode: u32, size: u64) -> Entry {
        let mut entry = Entry::new(path, kind, mode);
        entry.size = size;
        // The same images give the same archive.
        entry.mtime = Time { seconds: Timestamp::UNIX_EPOCH.as_second(), nanoseconds: 0 };
        entry
    }

    fn directory(&mut self, path: &str) -> Result<()> {
        let entry = self.entry(path, Kind::Dir, 0o755, 0);
        self.writer.append(&entry, &mut std::io::empty())
    }

    fn small(&mut self, path: &str, mut bytes: &[u8]) -> Result<()> {
        let entry = self.entry(path, Kind::File, 0o644, bytes.len() as u64);
        self.writer.append(&entry, &mut bytes)
    }

    fn blob(&mut self, digest: &Digest) -> Result<()> {
        let entry = self.entry(&blob_path(digest), Kind::File, 0o644, self.catalog.content.size(digest)?);
        let mut source = self.catalog.content.open_verified(digest)?;
        self.writer.append(&entry, &mut source)?;
        // The check of the content is at its end, which the writer may not have looked for.
        let rest = source.read(&mut [0]).context(|| format!("read content {digest}"))?;
        if rest == 0 {
            Ok(())
        } else {
            Err(errdefs::system(format!("content {digest} grew while it was read")))
        }
    }
}
