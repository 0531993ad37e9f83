//! Pulling: from a reference to unpacked layers.
//!
//! Order: the manifest by tag or digest, of an index the entry for the platform; the config, which names the diff IDs;
//! then all missing layers at once. Everything that is written is announced to the host first ([`Host::hold`]), so that
//! a removal at the same time does not take it away.

use std::collections::HashSet;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use content::Content;
use errdefs::{Class, Error, Result};
use oci::digest::Digest;
use oci::image::ImageConfig;
use oci::manifest::{Descriptor, Document, Manifest, media_type};
use oci::platform::Platform;
use oci::reference::Reference;
use parking_lot::Mutex;

use crate::auth::Auth;
use crate::cancel::Cancel;
use crate::client::{Client, Talk, target_of};
use crate::endpoint;
use crate::failure::Failure;
use crate::layer::Layer;
use crate::limits;
use crate::manifests::{self, Fetched};
use crate::progress::{Event, Progress, Status, say};
use crate::session::{Access, Session};

/// Where layers are unpacked.
pub trait Host: Sync {
    /// Keeps these blobs and layers from being collected until the operation is over, whether they are here yet or
    /// not. Called before any of them is looked for.
    fn hold(&self, digests: &[Digest]);

    /// Whether the image with this config is here, so that nothing needs to be said of its layers.
    fn has_image(&self, config: &Digest) -> bool;

    /// Whether the layer with this diff ID is unpacked here.
    fn unpacked(&self, diff_id: &Digest) -> Result<bool>;

    /// Unpacks a layer whose plain bytes must have the digest `diff_id`.
    fn apply(&self, diff_id: &Digest, tar: &mut (dyn Read + Send)) -> Result<()>;
}

/// What to pull.
pub struct Pull<'a> {
    /// A name with a tag or a digest.
    pub reference: &'a Reference,
    /// The wanted platform.
    pub platform: &'a Platform,
    /// Credentials.
    pub auth: &'a Auth,
    /// Whether the name is known here: then it is worth asking first whether anything changed.
    pub known: bool,
}

/// What was pulled: all of it is in `content` and unpacked.
#[derive(Debug, Clone)]
pub struct PulledImage {
    /// What the reference pointed at: an index or a manifest.
    pub digest: Digest,
    /// The image's manifest.
    pub manifest: Descriptor,
    /// The image's config.
    pub config: Descriptor,
    /// The config, parsed.
    pub image: ImageConfig,
    /// The layers as they were sent, lowest first.
    pub layers: Vec<Descriptor>,
}

/// Where the parts of an operation go.
#[derive(Clone, Copy)]
pub struct Sinks<'a> {
    /// Blobs.
    pub content: &'a Content,
    /// Unpacked layers.
    pub host: &'a dyn Host,
    /// The watcher.
    pub progress: &'a dyn Progress,
}

impl Client {
    /// Pulls one reference. Errors are Docker's texts.
    pub fn pull(&self, pull: &Pull<'_>, sinks: Sinks<'_>, cancel: &Cancel) -> Result<PulledImage> {
        // Ends with the operation: when one layer fails, the others stop too.
        let inner = Cancel::new();
        let signal = inner.clone();
        cancel.on_cancel(move || signal.cancel());
        let endpoints = endpoint::endpoints(&self.config(), pull.reference, true);
        let talk =
            Talk { repository: pull.reference.path(), auth: pull.auth, access: Access::Pull, cancel: &inner };
        let pulled = self.on_endpoints(endpoints, &talk, |session| {
            let (top, chosen) = choose(session, pull, sinks)?;
            let id = pull.reference.digest().map_or_else(|| target_of(pull.reference), ToString::to_string);
            let status = Status::PullingFrom(pull.reference.path().to_owned());
            sinks.progress.emit(Event { id, status });
            fetch_image(session, top, &chosen, sinks, &inner, self.config().downloads)
        });
        cancel.check()?;
        pulled.map_err(|failure| manifests::translate(failure, pull.reference))
    }

    /// All tags of a reference's repository.
    pub fn tags(&self, reference: &Reference, auth: &Auth, cancel: &Cancel) -> Result<Vec<String>> {
        let endpoints = endpoint::endpoints(&self.config(), reference, true);
        let talk = Talk { repository: reference.path(), auth, access: Access::Pull, cancel };
        let tags = self.on_endpoints(endpoints, &talk, |session| session.tags());
        tags.map_err(|failure| manifests::translate(failure, reference))
    }
}

/// Finds the manifest of one image: what the reference points at, and of an index the entry for the platform.
fn choose(session: &Session<'_>, pull: &Pull<'_>, sinks: Sinks<'_>) -> Result<(Digest, Fetched), Failure> {
    let top = top_document(session, pull, sinks)?;
    sinks.host.hold(&[top.digest]);
    sinks.content.put(&top.bytes)?;
    let Document::Index(index) = &top.document else { return Ok((top.digest, top)) };
    let entry = index.select(pull.platform).ok_or_else(|| manifests::no_match(pull.platform))?;
    sinks.host.hold(&[entry.digest]);
    let chosen = match kept(sinks.content, &entry.digest, Some(&entry.media_type))? {
        Some(kept) => kept,
        None => session.get_manifest(&entry.digest.to_string(), Some(&entry.digest))?,
    };
    if !matches!(chosen.document, Document::Manifest(_)) {
        return Err(errdefs::invalid("invalid index: it points at another index").into());
    }
    if chosen.bytes.len() as u64 != entry.size {
        return Err(
            errdefs::invalid(format!("manifest {} has not the size its index says", entry.digest)).into()
        );
    }
    sinks.content.put(&chosen.bytes)?;
    Ok((top.digest, chosen))
}

fn top_document(session: &Session<'_>, pull: &Pull<'_>, sinks: Sinks<'_>) -> Result<Fetched, Failure> {
    let target = target_of(pull.reference);
    if let Some(digest) = pull.reference.digest() {
        return session.get_manifest(&target, Some(digest));
    }
    if pull.known {
        // A hint only: the bytes that are used are our own, with their digest checked. A registry that lies here could
        // as well have sent those bytes.
        match session.head_manifest(&target) {
            Ok(hint) => {
                if let Some(digest) = hint.digest
                    && let Some(kept) = kept(sinks.content, &digest, hint.media_type.as_deref())?
                {
                    return Ok(kept);
                }
            }
            // An answer without a body does not say why: the whole request does.
            Err(Failure::Refused(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    session.get_manifest(&target, None)
}

/// A manifest that is here already.
fn kept(content: &Content, digest: &Digest, media_type: Option<&str>) -> Result<Option<Fetched>> {
    if !content.has(digest)? {
        return Ok(None);
    }
    // A damaged one is fetched again.
    let bytes = content.read(digest, usize::try_from(limits::MANIFEST_MAX).unwrap_or(usize::MAX));
    Ok(bytes.ok().and_then(|bytes| Fetched::parse(bytes, media_type).ok()))
}

fn fetch_image(
    session: &Session<'_>,
    top: Digest,
    chosen: &Fetched,
    sinks: Sinks<'_>,
    cancel: &Cancel,
    downloads: usize,
) -> Result<PulledImage, Failure> {
    let Document::Manifest(manifest) = &chosen.document else {
        return Err(errdefs::invalid("not an image manifest").into());
    };
    check_media_types(manifest)?;
    let blobs: Vec<Digest> =
        manifest.layers.iter().map(|layer| layer.digest).chain([manifest.config.digest]).collect();
    sinks.host.hold(&blobs);
    let config_bytes = match sinks.content.read(&manifest.config.digest, oci::image::CONFIG_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(_) => {
            let bytes = session.small_blob(&manifest.config, limits::CONFIG_MAX)?;
            sinks.content.put(&bytes)?;
            bytes
        }
    };
    let image = ImageConfig::parse(&config_bytes)?;
    if !matches!(image.os.as_str(), "" | "linux") {
        return Err(errdefs::invalid(format!(
            "image operating system \"{}\" cannot be used on this platform",
            image.os
        ))
        .into());
    }
    let diff_ids = &image.rootfs.diff_ids;
    if diff_ids.len() != manifest.layers.len() || diff_ids.len() > limits::LAYERS_MAX {
        return Err(errdefs::invalid(format!(
            "invalid image: {} layers in its manifest, {} in its config, the limit is {}",
            manifest.layers.len(),
            diff_ids.len(),
            limits::LAYERS_MAX
        ))
        .into());
    }
    sinks.host.hold(diff_ids);
    if !sinks.host.has_image(&manifest.config.digest) {
        fetch_layers(session, manifest, diff_ids, sinks, cancel, downloads)?;
    }
    Ok(PulledImage {
        digest: top,
        manifest: Descriptor::new(&chosen.media_type, chosen.digest, chosen.bytes.len() as u64),
        config: manifest.config.clone(),
        layers: manifest.layers.clone(),
        image,
    })
}

/// An OCI artifact is not an image, and what it holds must not be unpacked.
fn check_media_types(manifest: &Manifest) -> Result<()> {
    let config = manifest.config.media_type.as_str();
    if !matches!(config, media_type::OCI_CONFIG | media_type::DOCKER_CONFIG | "application/octet-stream") {
        return Err(errdefs::not_implemented(format!("unsupported media type {config}")));
    }
    for layer in &manifest.layers {
        let known = matches!(
            layer.media_type.as_str(),
            media_type::OCI_LAYER
                | media_type::OCI_LAYER_GZIP
                | media_type::OCI_LAYER_ZSTD
                | media_type::DOCKER_LAYER
                | media_type::DOCKER_LAYER_GZIP
                | media_type::DOCKER_LAYER_ZSTD
        );
        if !known {
            return Err(errdefs::not_implemented(format!("unsupported media type {}", layer.media_type)));
        }
    }
    Ok(())
}

fn fetch_layers(
    session: &Session<'_>,
    manifest: &Manifest,
    diff_ids: &[Digest],
    sinks: Sinks<'_>,
    cancel: &Cancel,
    downloads: usize,
) -> Result<()> {
    let layer = |(blob, diff_id): (_, &Digest)| Layer {
        blob,
        diff_id: *diff_id,
        content: sinks.content,
        host: sinks.host,
        progress: sinks.progress,
    };
    let mut seen = HashSet::new();
    let mut missing = Vec::new();
    let tell =
        |layer: &Layer<'_>, status| sinks.progress.emit(Event { id: layer.blob.digest.short(), status });
    for layer in manifest.layers.iter().zip(diff_ids).map(layer) {
        if sinks.host.unpacked(&layer.diff_id)? {
            tell(&layer, Status::AlreadyExists);
        } else if seen.insert(layer.blob.digest) {
            tell(&layer, Status::PullingFsLayer);
            missing.push(layer);
        }
    }
    let workers = downloads.clamp(1, missing.len().max(1));
    missing.iter().skip(workers).for_each(|layer| tell(layer, Status::Waiting));

    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<Error>> = Mutex::new(None);
    let work = || {
        while let Some(layer) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
            // One layer's panic ends this pull and nothing else; what it held open closes as it unwinds.
            let fetch = std::panic::AssertUnwindSafe(|| cancel.check().and_then(|()| layer.fetch(session)));
            let fetched = std::panic::catch_unwind(fetch).unwrap_or_else(|_| {
                Err(errdefs::system(format!("fetching layer {} panicked", layer.blob.digest.short())))
            });
            if let Err(error) = fetched {
                let mut first = failed.lock();
                // What others say after being stopped is not the cause.
                if first.as_ref().is_none_or(|first| first.class() == Class::Cancelled) {
                    *first = Some(error);
                }
                drop(first);
                cancel.cancel();
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    failed.into_inner().map_or(Ok(()), Err)
}

/// Says what Docker says at the end of a pull.
pub fn say_pulled(progress: &dyn Progress, digest: Digest, name: &str, newer: bool) {
    say(progress, Status::Digest(digest));
    let name = name.to_owned();
    say(progress, if newer { Status::Downloaded(name) } else { Status::UpToDate(name) });
}
