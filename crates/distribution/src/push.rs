//! Pushing: all layers at once, then the config, then the manifest, which makes the image visible.
//!
//! A layer that was pulled is sent as the bytes that were pulled, and an image that was pulled with the manifest it
//! had, so a push of something unchanged is known to the registry already.

use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use content::Content;
use errdefs::{Class, Context, Error, Result};
use oci::digest::Digest;
use oci::manifest::{Descriptor, Manifest, media_type};
use oci::reference::Reference;
use parking_lot::Mutex;

use crate::auth::Auth;
use crate::cancel::Cancel;
use crate::client::{Client, Talk};
use crate::endpoint;
use crate::failure::Failure;
use crate::progress::{Event, Meter, Progress, Status};
use crate::session::{Access, Session};
use crate::upload::{Counted, Sent, Upload};

/// Where layers to send come from.
pub trait Source: Sync {
    /// In which form a layer is here.
    fn form(&self, diff_id: &Digest) -> Result<Form>;

    /// Makes the compressed form of a layer, which is then in `content`, and writes it to `copy` as it comes. That
    /// `copy` cannot be written to any more is no error: whoever reads it takes the blob from `content` then.
    fn compress(&self, diff_id: &Digest, copy: &mut dyn Write) -> Result<Descriptor>;

    /// Repositories of this registry that are thought to have the blob.
    fn repositories(&self, blob: &Digest, domain: &str) -> Vec<String>;

    /// The blob is now in that repository.
    fn sent(&self, blob: &Digest, repository: &Reference);
}

/// In which form a layer is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Compressed, in `content`.
    Compressed(Box<Descriptor>),
    /// As a tar of so many bytes.
    Plain(u64),
}

/// What to push, and as whom.
pub struct Push<'a> {
    /// A name with a tag.
    pub reference: &'a Reference,
    /// Credentials.
    pub auth: &'a Auth,
}

/// The image to push; its config is in `content`.
pub struct PushImage<'a> {
    /// The config blob.
    pub config: Digest,
    /// Its layers' diff IDs, lowest first.
    pub diff_ids: &'a [Digest],
    /// The manifest it came with, in `content`.
    pub manifest: Option<&'a Descriptor>,
}

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedImage {
    /// The manifest as it is now in the registry and in `content`.
    pub manifest: Descriptor,
}

impl Client {
    /// Pushes one image under one name. Errors are Docker's texts.
    pub fn push(
        &self,
        push: &Push<'_>,
        image: &PushImage<'_>,
        content: &Content,
        source: &dyn Source,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<PushedImage> {
        let inner = Cancel::new();
        let signal = inner.clone();
        cancel.on_cancel(move || signal.cancel());
        let endpoints = endpoint::endpoints(&self.config(), push.reference, false);
        let talk =
            Talk { repository: push.reference.path(), auth: push.auth, access: Access::Push, cancel: &inner };
        let job = Job { push, image, content, source, progress, cancel: &inner };
        let pushed = self.on_endpoints(endpoints, &talk, |session| job.run(session, self.config().uploads));
        cancel.check()?;
        pushed.map_err(plain)
    }
}

/// Docker tells of missing credentials without the request that wanted them.
fn plain(failure: Failure) -> Error {
    const MISSING: &str = "no basic auth credentials";
    let error = Error::from(failure);
    if error.message().ends_with(MISSING) { errdefs::system(MISSING) } else { error }
}

struct Job<'a> {
    push: &'a Push<'a>,
    image: &'a PushImage<'a>,
    content: &'a Content,
    source: &'a dyn Source,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

impl Job<'_> {
    fn say(&self, diff_id: &Digest, status: Status) {
        self.progress.emit(Event { id: diff_id.short(), status });
    }

    fn run(&self, session: &Session<'_>, uploads: usize) -> Result<PushedImage, Failure> {
        for diff_id in self.image.diff_ids {
            self.say(diff_id, Status::Preparing);
        }
        let given = self.given_manifest()?;
        let layers = self.send_layers(session, given.as_ref().map(|(manifest, _)| manifest), uploads)?;
        let (bytes, descriptor) = match given {
            Some((manifest, bytes)) => {
                self.send_blob(session, &manifest.config, None)?;
                let media = manifest.media_type.as_deref().unwrap_or(media_type::OCI_MANIFEST);
                let descriptor = Descriptor::of(media, &bytes);
                (bytes, descriptor)
            }
            None => {
                let manifest = self.make_manifest(layers)?;
                self.send_blob(session, &manifest.config, None)?;
                let bytes = manifest.to_bytes();
                self.content.put(&bytes)?;
                let descriptor = Descriptor::of(
                    manifest.media_type.as_deref().unwrap_or(media_type::OCI_MANIFEST),
                    &bytes,
                );
                (bytes, descriptor)
            }
        };
        let tag = self.push.reference.tag().unwrap_or(oci::reference::DEFAULT_TAG);
        session.put_manifest(tag, &descriptor.media_type, &bytes)?;
        let status =
            Status::PushedTag { tag: tag.to_owned(), digest: descriptor.digest, size: descriptor.size };
        crate::progress::say(self.progress, status);
        Ok(PushedImage { manifest: descriptor })
    }

    /// The manifest the image came with, if everything it names is here.
    fn given_manifest(&self) -> Result<Option<(Manifest, Vec<u8>)>> {
        let Some(descriptor) = self.image.manifest else { return Ok(None) };
        if !self.content.has(&descriptor.digest)? {
            return Ok(None);
        }
        let bytes = self.content.read(&descriptor.digest, oci::manifest::MANIFEST_BYTES_MAX)?;
        let manifest = Manifest::parse(&bytes, Some(&descriptor.media_type))?;
        let fits =
            manifest.config.digest == self.image.config && manifest.layers.len() == self.image.diff_ids.len();
        for layer in &manifest.layers {
            // A plain layer is compressed for the way, which needs another manifest.
            let plain = matches!(layer.media_type.as_str(), media_type::OCI_LAYER | media_type::DOCKER_LAYER);
            if plain || !self.content.has(&layer.digest)? {
                return Ok(None);
            }
        }
        Ok(fits.then_some((manifest, bytes)))
    }

    /// Docker's schema 2, which every registry takes, unless a layer is of a kind that only OCI names.
    fn make_manifest(&self, mut layers: Vec<Descriptor>) -> Result<Manifest> {
        let size = self.content.size(&self.image.config)?;
        let oci = layers.iter().any(|layer| layer.media_type == media_type::OCI_LAYER_ZSTD);
        let (manifest_type, config_type, layer_type) = if oci {
            (media_type::OCI_MANIFEST, media_type::OCI_CONFIG, media_type::OCI_LAYER_GZIP)
        } else {
            (media_type::DOCKER_MANIFEST, media_type::DOCKER_CONFIG, media_type::DOCKER_LAYER_GZIP)
        };
        for layer in &mut layers {
            if layer.media_type != media_type::OCI_LAYER_ZSTD {
                layer_type.clone_into(&mut layer.media_type);
            }
        }
        Ok(Manifest {
            schema_version: 2,
            media_type: Some(manifest_type.to_owned()),
            artifact_type: None,
            config: Descriptor::new(config_type, self.image.config, size),
            layers,
            subject: None,
            annotations: std::collections::BTreeMap::new(),
        })
    }

    fn send_layers(
        &self,
        session: &Session<'_>,
        given: Option<&Manifest>,
        uploads: usize,
    ) -> Result<Vec<Descriptor>, Failure> {
        let count = self.image.diff_ids.len();
        let next = AtomicUsize::new(0);
        let sent: Mutex<Vec<Option<Descriptor>>> = Mutex::new(vec![None; count]);
        let failed: Mutex<Option<Failure>> = Mutex::new(None);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(diff_id) = self.image.diff_ids.get(index) else { return };
                match self.send_layer(session, diff_id, given.map(|manifest| &manifest.layers[index])) {
                    Ok(blob) => sent.lock()[index] = Some(blob),
                    Err(failure) => {
                        let mut first = failed.lock();
                        if first.as_ref().is_none_or(stopped) {
                            *first = Some(failure);
                        }
                        drop(first);
                        self.cancel.cancel();
                        return;
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..uploads.clamp(1, count.max(1)) {
                scope.spawn(work);
            }
            work();
        });
        match failed.into_inner() {
            Some(failure) => Err(failure),
            None => Ok(sent.into_inner().into_iter().flatten().collect()),
        }
    }

    fn send_layer(
        &self,
        session: &Session<'_>,
        diff_id: &Digest,
        given: Option<&Descriptor>,
    ) -> Result<Descriptor, Failure> {
        self.cancel.check()?;
        let blob = match given {
            Some(blob) => blob.clone(),
            None => match self.source.form(diff_id)? {
                Form::Compressed(blob) => *blob,
                Form::Plain(size) => return self.compress_and_send(session, diff_id, size),
            },
        };
        self.send_blob(session, &blob, Some(diff_id))?;
        Ok(blob)
    }

    /// Sends a layer while it is being compressed.
    fn compress_and_send(
        &self,
        session: &Session<'_>,
        diff_id: &Digest,
        size: u64,
    ) -> Result<Descriptor, Failure> {
        let (reader, mut writer) = std::io::pipe().context(|| "make a pipe")?;
        let mut meter = Meter::new(self.progress, &diff_id.short(), size, Status::Pushing);
        let stream = Counted { source: reader, count: Box::new(move |bytes| meter.add(bytes)) };
        let (sent, blob) = std::thread::scope(|scope| {
            let making = scope.spawn(move || self.source.compress(diff_id, &mut writer));
            let sent = session.upload_stream(Box::new(stream));
            let blob =
                making.join().unwrap_or_else(|_| Err(errdefs::system("the compressing thread panicked")));
            (sent, blob)
        });
        let blob = blob?;
        self.cancel.check()?;
        if sent.and_then(|target| session.finish(&target, &blob.digest)).is_ok() {
            self.source.sent(&blob.digest, self.push.reference);
            self.say(diff_id, Status::Pushed);
        } else {
            // Whatever it was, the way that can try again will tell.
            self.send_blob(session, &blob, Some(diff_id))?;
        }
        Ok(blob)
    }

    /// Sends a blob; with a diff ID, tells how.
    fn send_blob(
        &self,
        session: &Session<'_>,
        blob: &Descriptor,
        diff_id: Option<&Digest>,
    ) -> Result<(), Failure> {
        let id = diff_id.map(Digest::short).unwrap_or_default();
        let open = |offset: u64| -> Result<Box<dyn Read>> {
            let mut file = self.content.open_blob(&blob.digest)?;
            file.seek(SeekFrom::Start(offset)).context(|| format!("seek in content {}", blob.digest))?;
            Ok(Box::new(file))
        };
        let counted = |offset: u64| -> Result<Box<dyn Read + '_>> {
            let mut meter = Meter::new(self.progress, &id, blob.size, Status::Pushing);
            meter.add_silently(offset);
            let count: Box<dyn FnMut(u64) + Send> = match diff_id {
                Some(_) => Box::new(move |bytes| meter.add(bytes)),
                None => Box::new(|_| {}),
            };
            Ok(Box::new(Counted { source: open(offset)?, count }))
        };
        let mounts = match diff_id {
            Some(_) => self.source.repositories(&blob.digest, self.push.reference.domain()),
            None => Vec::new(),
        };
        let mounts: Vec<String> =
            mounts.into_iter().filter(|path| path != self.push.reference.path()).collect();
        let upload = Upload { digest: blob.digest, size: blob.size, open: &counted, mounts: &mounts };
        let sent = session.upload(&upload)?;
        if let Some(diff_id) = diff_id {
            self.source.sent(&blob.digest, self.push.reference);
            self.say(
                diff_id,
                match sent {
                    Sent::Existed => Status::LayerAlreadyExists,
                    Sent::Mounted(repository) => Status::MountedFrom(repository),
                    Sent::Uploaded => Status::Pushed,
                },
            );
        }
        Ok(())
    }
}

/// What a worker says after another's failure has stopped it.
fn stopped(failure: &Failure) -> bool {
    matches!(failure, Failure::Final(error) if error.class() == Class::Cancelled)
}
