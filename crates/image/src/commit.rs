//! Images made here: from a container's changes, and from a tar of a root file system.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use distribution::{Progress, Status, compression};
use errdefs::{Context, Result};
use jiff::Timestamp;
use oci::digest::Digest;
use oci::image::{ContainerConfig, History, ImageConfig, RootFs};
use oci::manifest::Descriptor;
use oci::platform::Platform;
use oci::reference::Reference;

use crate::catalog::{Catalog, NewImage};
use crate::changes;
use crate::image::ImageId;
use crate::lease::{Held, Lease};
use crate::new_layer;
use crate::request::{CommitRequest, ImportRequest};

/// Makes an image of a parent and what `diff` writes.
pub(crate) fn commit(
    catalog: &Arc<Catalog>,
    request: &CommitRequest,
    diff: impl FnOnce(&mut dyn Write) -> Result<()> + Send,
) -> Result<ImageId> {
    let mut config = request.config.clone();
    changes::apply(&mut config, &request.changes)?;
    let parent = match &request.parent {
        Some(id) => Some(
            catalog
                .lock()
                .images
                .get(id)
                .map(|entry| entry.image.clone())
                .ok_or_else(|| errdefs::not_found(format!("No such image: {id}")))?,
        ),
        None => None,
    };
    let below: Vec<Digest> = parent.iter().flat_map(|parent| parent.layers().to_vec()).collect();
    let lease = Lease::new(catalog.clone(), &Held::layers(&below), true);
    let layer = {
        let (reader, pipe) = std::io::pipe().context(|| "make a pipe")?;
        let abandoned = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = Forward { pipe, abandoned: &abandoned };
            let writing = scope.spawn(move || {
                let mut buffered = std::io::BufWriter::with_capacity(PIPE_BUFFER, writer);
                diff(&mut buffered)?;
                buffered.flush().context(|| "write a layer")
            });
            let key = format!("commit {}", unique());
            let layer = new_layer::take_in(catalog, &lease, &key, reader);
            let written =
                writing.join().unwrap_or_else(|_| Err(errdefs::system("the layer's writer panicked")));
            // Whoever failed first made the other fail.
            match written {
                Err(written) if layer.is_ok() || !abandoned.load(Ordering::Relaxed) => Err(written),
                _ => layer,
            }
        })?
    };
    let (mut diff_ids, mut history) = (below, Vec::new());
    let platform = match &parent {
        Some(parent) => {
            history.clone_from(&parent.config.history);
            parent.config.platform()
        }
        None => Platform::host(),
    };
    let now = Timestamp::now().to_string();
    history.push(History {
        created: Some(now.clone()),
        created_by: request.created_by.clone(),
        author: request.author.clone(),
        comment: request.comment.clone(),
        empty_layer: layer.is_none(),
    });
    let mut blobs: Vec<Option<Descriptor>> = vec![None; diff_ids.len()];
    if let Some(layer) = layer {
        diff_ids.push(layer.diff_id);
        blobs.push(Some(layer.blob));
    }
    let image = ImageConfig {
        created: Some(now),
        author: request.author.clone(),
        docker_version: request.docker_version.clone(),
        rootfs: RootFs { diff_ids, ..RootFs::default() },
        history,
        comment: request.comment.clone(),
        ..image_for(&platform, config)
    };
    finish(catalog, &lease, image, blobs, request.parent, request.reference.as_ref())
}

/// Bytes gathered before they go through the pipe: its own size, so that each write fills it.
const PIPE_BUFFER: usize = 64 << 10;

/// The way into the pipe. It notes when the reader has gone, for the error that the writer makes of that is no news.
struct Forward<'a> {
    pipe: std::io::PipeWriter,
    abandoned: &'a AtomicBool,
}

impl Write for Forward<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.pipe.write(bytes).inspect_err(|error| {
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                self.abandoned.store(true, Ordering::Relaxed);
            }
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes an image from a tar of a root file system.
pub(crate) fn import(
    catalog: &Arc<Catalog>,
    request: &ImportRequest,
    root: &mut (dyn Read + Send),
    progress: &dyn Progress,
) -> Result<ImageId> {
    let mut config = ContainerConfig::default();
    changes::apply(&mut config, &request.changes)?;
    let lease = Lease::new(catalog.clone(), &[], true);
    let key = format!("import {}", unique());
    let layer = new_layer::take_in(catalog, &lease, &key, compression::decompress(root)?)?;
    let layer = layer.ok_or_else(|| errdefs::invalid("the archive is empty"))?;
    let now = Timestamp::now().to_string();
    let comment =
        if request.message.is_empty() { "Imported from -".to_owned() } else { request.message.clone() };
    let platform = request.platform.clone().unwrap_or_else(Platform::host);
    let image = ImageConfig {
        created: Some(now.clone()),
        docker_version: request.docker_version.clone(),
        rootfs: RootFs { diff_ids: vec![layer.diff_id], ..RootFs::default() },
        history: vec![History { created: Some(now), comment: comment.clone(), ..History::default() }],
        comment,
        ..image_for(&platform, config)
    };
    let id = finish(catalog, &lease, image, vec![Some(layer.blob)], None, request.reference.as_ref())?;
    distribution::progress::say(progress, Status::Imported(id));
    Ok(id)
}

fn image_for(platform: &Platform, config: ContainerConfig) -> ImageConfig {
    ImageConfig {
        architecture: platform.architecture.clone(),
        variant: platform.variant.clone(),
        os: platform.os.clone(),
        config,
        ..ImageConfig::default()
    }
}

fn finish(
    catalog: &Catalog,
    lease: &Lease,
    image: ImageConfig,
    blobs: Vec<Option<Descriptor>>,
    parent: Option<ImageId>,
    name: Option<&Reference>,
) -> Result<ImageId> {
    let bytes = image.to_bytes();
    let id = Digest::of(&bytes);
    lease.add(&[Held::Blob(id)]);
    catalog.content.put(&bytes)?;
    let names = name.map(Reference::tag_or_latest).into_iter().collect();
    let new = NewImage {
        id,
        config: image,
        manifest: None,
        index: None,
        parent,
        blobs,
        repository: None,
        names,
        pull: None,
    };
    catalog.add(new)?;
    Ok(id)
}

/// Tells apart what runs at the same time in this process.
pub(crate) fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
