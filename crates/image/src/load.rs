//! `docker load`: the images of an archive that somebody saved.
//!
//! Read are OCI layouts and every archive with Docker's `manifest.json`, which is all that Docker has written since
//! version 1.10. The archive is a stream with its parts in any order, so each file goes into `content` as it comes;
//! what turns out not to belong to an image is removed with the lease at the end. Nothing is extracted by its name.

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::sync::Arc;

use distribution::progress::{Meter, say};
use distribution::{Event, Progress, Status, compression};
use errdefs::{Context, Result};
use oci::digest::Digest;
use oci::image::ImageConfig;
use oci::manifest::{Descriptor, Document, Index, Manifest, media_type};
use oci::platform::Platform;
use oci::reference::Reference;
use serde::Deserialize;
use snapshot::ApplyOptions;
use snapshot::tarball::{Entry, Kind, Reader};

use crate::catalog::{Catalog, NewImage};
use crate::commit::unique;
use crate::lease::{Held, Lease};
use crate::request::{LoadRequest, Tagged};
use crate::save::{NAME_ANNOTATION, TAG_ANNOTATION};

/// Most links from one name of an archive to the file it means.
const LINKS_MAX: usize = 16;

/// Read buffer of the archive.
const BUFFER: usize = 256 << 10;

/// Takes in the images of an archive.
pub(crate) fn load(
    catalog: &Arc<Catalog>,
    request: &LoadRequest,
    archive: &mut (dyn Read + Send),
    progress: &dyn Progress,
) -> Result<Vec<Tagged>> {
    let lease = Lease::new(catalog.clone(), &[], true);
    let files = Files::read(catalog, &lease, archive)?;
    let found = if files.find("manifest.json").is_some() {
        from_docker(&files)?
    } else if files.find("index.json").is_some() {
        from_layout(&files, request.platform.as_ref())?
    } else if files.find("repositories").is_some() {
        return Err(errdefs::not_implemented("archives written by Docker before 1.10 are not supported"));
    } else {
        return Err(errdefs::invalid(
            "unrecognized image format: no manifest.json and no index.json in the archive",
        ));
    };
    let mut tagged = Vec::new();
    for image in found {
        tagged.extend(take_in(&files, image, request.quiet, progress)?);
    }
    Ok(tagged)
}

/// The files of an archive, in `content`.
struct Files<'a> {
    catalog: &'a Catalog,
    lease: &'a Lease,
    /// By normalised path.
    files: HashMap<String, (Digest, u64)>,
    /// Normalised path to normalised target.
    links: HashMap<String, String>,
}

impl<'a> Files<'a> {
    fn read(catalog: &'a Catalog, lease: &'a Lease, archive: &mut (dyn Read + Send)) -> Result<Self> {
        let mut files = Self { catalog, lease, files: HashMap::new(), links: HashMap::new() };
        let plain = compression::decompress(archive)?;
        let mut reader = Reader::new(BufReader::with_capacity(BUFFER, plain));
        while let Some(entry) = reader.next_entry()? {
            let Some(path) = std::str::from_utf8(&entry.path).ok().map(|path| normalise("", path)) else {
                continue;
            };
            let link = String::from_utf8_lossy(&entry.link).into_owned();
            match entry.kind {
                Kind::File => {
                    let kept = files.keep(&mut reader, &entry)?;
                    files.files.insert(path, kept);
                }
                Kind::Symlink => {
                    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                    files.links.insert(path.clone(), normalise(directory, &link));
                }
                Kind::HardLink => {
                    files.links.insert(path, normalise("", &link));
                }
                _ => {}
            }
        }
        Ok(files)
    }

    fn keep(&self, reader: &mut Reader<impl std::io::BufRead>, entry: &Entry) -> Result<(Digest, u64)> {
        let mut ingest = self.catalog.content.ingest(&format!("load {}", unique()))?;
        ingest.reset()?;
        if let Err(error) = reader.copy_content(entry, &mut ingest) {
            ingest.abort()?;
            return Err(error);
        }
        let (digest, size) = (ingest.digest(), ingest.offset());
        self.lease.add(&[Held::Blob(digest)]);
        ingest.commit(&digest, Some(size))?;
        Ok((digest, size))
    }

    /// The file that a name means, through links inside the archive.
    fn find(&self, path: &str) -> Option<(Digest, u64)> {
        let mut path = normalise("", path);
        for _ in 0..LINKS_MAX {
            if let Some(file) = self.files.get(&path) {
                return Some(*file);
            }
            path = self.links.get(&path)?.clone();
        }
        None
    }

    fn need(&self, path: &str) -> Result<(Digest, u64)> {
        self.find(path).ok_or_else(|| errdefs::invalid(format!("the archive has no file {path}")))
    }

    fn bytes(&self, path: &str, most: usize) -> Result<Vec<u8>> {
        self.catalog.content.read(&self.need(path)?.0, most)
    }

    /// A blob of the layout; its name must be true.
    fn blob(&self, digest: &Digest, most: usize) -> Result<Vec<u8>> {
        let path = format!("blobs/sha256/{}", digest.hex());
        let (found, _) = self.need(&path)?;
        if found != *digest {
            return Err(errdefs::invalid(format!("{path} has the digest {found}")));
        }
        self.catalog.content.read(digest, most)
    }
}

/// A relative path without `.`, `..` and doubled slashes; only ever a key in a table.
fn normalise(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// An image found in an archive.
struct Found {
    config: Vec<u8>,
    names: Vec<Reference>,
    /// The files of its layers, lowest first.
    layers: Vec<(Digest, u64)>,
    manifest: Option<Descriptor>,
}

/// One image of Docker's `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

fn from_docker(files: &Files<'_>) -> Result<Vec<Found>> {
    let bytes = files.bytes("manifest.json", oci::manifest::MANIFEST_BYTES_MAX)?;
    let items: Vec<Item> = serde_json::from_slice(&bytes)
        .map_err(|error| errdefs::invalid(format!("invalid manifest.json: {error}")))?;
    let manifests = layout_manifests(files);
    let mut found = Vec::new();
    for item in items {
        let (config_digest, _) = files.need(&item.config)?;
        let mut names = Vec::new();
        for tag in item.repo_tags.unwrap_or_default() {
            names.push(tagged(&tag)?);
        }
        let layers: Vec<(Digest, u64)> =
            item.layers.unwrap_or_default().iter().map(|layer| files.need(layer)).collect::<Result<_>>()?;
        let fits = |manifest: &&(Descriptor, Manifest)| {
            let same =
                manifest.1.layers.iter().map(|layer| layer.digest).eq(layers.iter().map(|layer| layer.0));
            manifest.1.config.digest == config_digest && same
        };
        found.push(Found {
            config: files.catalog.content.read(&config_digest, oci::image::CONFIG_BYTES_MAX)?,
            names,
            manifest: manifests.iter().find(fits).map(|(descriptor, _)| descriptor.clone()),
            layers,
        });
    }
    Ok(found)
}

fn tagged(text: &str) -> Result<Reference> {
    let name = Reference::parse(text).map_err(|error| error.context(format!("invalid tag {text:?}")))?;
    if name.tag().is_none() || name.digest().is_some() {
        return Err(errdefs::invalid(format!("invalid tag {text:?}")));
    }
    Ok(name)
}

/// The manifests of the OCI layout that Docker writes beside `manifest.json`; what is wrong with it does not matter
/// here.
fn layout_manifests(files: &Files<'_>) -> Vec<(Descriptor, Manifest)> {
    let index = files
        .bytes("index.json", oci::manifest::MANIFEST_BYTES_MAX)
        .and_then(|bytes| Index::parse(&bytes, Some(media_type::OCI_INDEX)));
    let Ok(index) = index else { return Vec::new() };
    let read = |entry: &Descriptor| {
        let bytes = files.blob(&entry.digest, oci::manifest::MANIFEST_BYTES_MAX).ok()?;
        let manifest = Manifest::parse(&bytes, Some(&entry.media_type)).ok()?;
        Some((Descriptor::of(&entry.media_type, &bytes), manifest))
    };
    index.manifests.iter().filter_map(read).collect()
}

fn from_layout(files: &Files<'_>, platform: Option<&Platform>) -> Result<Vec<Found>> {
    let bytes = files.bytes("index.json", oci::manifest::MANIFEST_BYTES_MAX)?;
    let index = Index::parse(&bytes, Some(media_type::OCI_INDEX))?;
    let host = Platform::host();
    let mut found: Vec<Found> = Vec::new();
    for entry in &index.manifests {
        let bytes = files.blob(&entry.digest, oci::manifest::MANIFEST_BYTES_MAX)?;
        let (descriptor, manifest) = match Document::parse(&bytes, Some(&entry.media_type))? {
            Document::Manifest(manifest) => (Descriptor::of(&entry.media_type, &bytes), *manifest),
            Document::Index(inner) => {
                let wanted = platform.unwrap_or(&host);
                let chosen = inner.select(wanted).ok_or_else(|| {
                    errdefs::not_found(format!(
                        "no image for {}/{} in the archive",
                        wanted.os, wanted.architecture
                    ))
                })?;
                let bytes = files.blob(&chosen.digest, oci::manifest::MANIFEST_BYTES_MAX)?;
                (
                    Descriptor::of(&chosen.media_type, &bytes),
                    Manifest::parse(&bytes, Some(&chosen.media_type))?,
                )
            }
        };
        let names: Vec<Reference> = name_of(entry).into_iter().collect();
        // One image with several names has one entry for each.
        if let Some(known) = found.iter_mut().find(|known| known.manifest.as_ref() == Some(&descriptor)) {
            known.names.extend(names);
            continue;
        }
        let layer = |layer: &Descriptor| files.need(&format!("blobs/sha256/{}", layer.digest.hex()));
        found.push(Found {
            config: files.blob(&manifest.config.digest, oci::image::CONFIG_BYTES_MAX)?,
            names,
            layers: manifest.layers.iter().map(layer).collect::<Result<_>>()?,
            manifest: Some(descriptor),
        });
    }
    Ok(found)
}

/// The name of a layout's entry: containerd's annotation, or OCI's if it is more than a tag.
fn name_of(entry: &Descriptor) -> Option<Reference> {
    let whole = entry.annotations.get(NAME_ANNOTATION);
    let tag = entry.annotations.get(TAG_ANNOTATION).filter(|tag| tag.contains([':', '/']));
    whole.or(tag).and_then(|name| tagged(name).ok())
}

fn take_in(files: &Files<'_>, found: Found, quiet: bool, progress: &dyn Progress) -> Result<Vec<Tagged>> {
    let config = ImageConfig::parse(&found.config)?;
    if !matches!(config.os.as_str(), "" | "linux") {
        return Err(errdefs::invalid(format!("cannot load {} image on linux", config.os)));
    }
    let diff_ids = config.rootfs.diff_ids.clone();
    if diff_ids.len() != found.layers.len() {
        return Err(errdefs::invalid(format!(
            "invalid manifest, layers length mismatch: expected {}, got {}",
            diff_ids.len(),
            found.layers.len()
        )));
    }
    let mut blobs = Vec::new();
    for (diff_id, (digest, size)) in diff_ids.iter().zip(&found.layers) {
        blobs.push(Some(unpack(files, diff_id, digest, *size, quiet, progress)?));
    }
    let id = Digest::of(&found.config);
    files.lease.add(&[Held::Blob(id)]);
    files.catalog.content.put(&found.config)?;
    let names = found.names;
    let new = NewImage {
        id,
        config,
        manifest: found.manifest,
        index: None,
        parent: None,
        blobs,
        repository: None,
        names: names.clone(),
        pull: None,
    };
    let added = files.catalog.add(new)?;
    if names.is_empty() {
        say(progress, Status::LoadedId(id));
        return Ok(vec![Tagged { name: id.to_string(), id, previous: None }]);
    }
    let mut tagged = Vec::new();
    for name in names {
        let previous =
            added.moved.iter().find(|(moved, _)| *moved == name).and_then(|(_, previous)| *previous);
        if let Some(old) = previous {
            say(progress, Status::Replaced { name: name.familiar(), old });
        }
        say(progress, Status::LoadedTag(name.familiar()));
        tagged.push(Tagged { name: name.familiar(), id, previous });
    }
    Ok(tagged)
}

/// Unpacks a layer's file, if the layer is not here, and says which form of it the file is.
fn unpack(
    files: &Files<'_>,
    diff_id: &Digest,
    digest: &Digest,
    size: u64,
    quiet: bool,
    progress: &dyn Progress,
) -> Result<Descriptor> {
    files.lease.add(&[Held::Layer(*diff_id)]);
    let mut start = Vec::new();
    files
        .catalog
        .content
        .open_blob(digest)?
        .take(8)
        .read_to_end(&mut start)
        .context(|| format!("read content {digest}"))?;
    let kind = compression::Compression::detect(&start);
    if !kind.is_of_layers() {
        let size = keep_plain(files, diff_id, digest)?;
        return unpack(files, diff_id, diff_id, size, quiet, progress);
    }
    let media = match kind {
        compression::Compression::Gzip => media_type::DOCKER_LAYER_GZIP,
        compression::Compression::Zstd => media_type::OCI_LAYER_ZSTD,
        _ => media_type::DOCKER_LAYER,
    };
    if !files.catalog.snapshots.layer_exists(diff_id)? {
        let id = diff_id.short();
        let silent = distribution::Silent;
        let watcher: &dyn Progress = if quiet { &silent } else { progress };
        let meter = Meter::new(watcher, &id, size, Status::LoadingLayer);
        let source = Counted { source: files.catalog.content.open_verified(digest)?, meter };
        let options = ApplyOptions { expected: Some(*diff_id), ..ApplyOptions::default() };
        files.catalog.snapshots.apply(&options, compression::decompress(source)?)?;
        watcher.emit(Event { id, status: Status::LoadingLayer(size, size) });
    }
    Ok(Descriptor::new(media, *digest, size))
}

/// Keeps the tar of a layer whose compressed form no registry would take; its size.
fn keep_plain(files: &Files<'_>, diff_id: &Digest, digest: &Digest) -> Result<u64> {
    let content = &files.catalog.content;
    let mut ingest = content.ingest(&format!("load {}", unique()))?;
    ingest.reset()?;
    let copied = compression::decompress(content.open_verified(digest)?).and_then(|mut plain| {
        std::io::copy(&mut plain, &mut ingest).context(|| format!("decompress layer {diff_id}"))
    });
    files.lease.add(&[Held::Blob(*diff_id)]);
    match copied {
        Ok(size) => ingest.commit(diff_id, Some(size)).map(|()| size),
        Err(error) => {
            ingest.abort()?;
            Err(error)
        }
    }
}

/// Counts what is read.
struct Counted<'a, R> {
    source: R,
    meter: Meter<'a>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.meter.add(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_keys() {
        for (directory, path, expected) in [
            ("", "./manifest.json", "manifest.json"),
            ("abc", "../def/layer.tar", "def/layer.tar"),
            ("", "/etc//passwd", "etc/passwd"),
            ("a", "../../../x", "x"),
        ] {
            assert_eq!(normalise(directory, path), expected);
        }
    }

    #[test]
    fn only_whole_names_are_taken_from_annotations() {
        let mut entry = Descriptor::of(media_type::OCI_MANIFEST, b"x");
        assert_eq!(name_of(&entry), None);
        entry.annotations.insert(TAG_ANNOTATION.into(), "latest".into());
        assert_eq!(name_of(&entry), None);
        entry.annotations.insert(NAME_ANNOTATION.into(), "docker.io/library/a:1".into());
        assert_eq!(name_of(&entry).unwrap().familiar(), "a:1");
    }
}
