//! `docker pull` and `docker push`: the registry's images and ours.

use std::collections::HashSet;
use std::sync::Arc;

use distribution::pull::say_pulled;
use distribution::{Cancel, Client, Progress, Pull, PulledImage, Push, PushImage, Sinks, Status};
use errdefs::Result;
use oci::platform::Platform;
use oci::reference::Reference;

use crate::catalog::{Catalog, NewImage};
use crate::find::stored_form;
use crate::layers::{Incoming, Outgoing};
use crate::lease::{Held, Lease};
use crate::request::{PullRequest, Pulled, PushRequest};

/// Pulls one reference or all tags of a repository.
pub(crate) fn pull(
    catalog: &Arc<Catalog>,
    client: &Client,
    request: &PullRequest,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Pulled>> {
    if !request.all_tags || !request.reference.is_name_only() {
        let reference = stored_form(&request.reference);
        let pulled = pull_one(catalog, client, request, &reference, progress, cancel)?;
        let (digest, pulled) = pulled;
        say_pulled(progress, digest, &pulled.name, pulled.newer);
        warn_of_platform(catalog, request, &pulled, progress);
        return Ok(vec![pulled]);
    }
    let mut all = Vec::new();
    for tag in client.tags(&request.reference, &request.auth, cancel)? {
        let reference = request.reference.with_tag(&tag)?;
        let (digest, pulled) = pull_one(catalog, client, request, &reference, progress, cancel)?;
        distribution::progress::say(progress, Status::Digest(digest));
        all.push(pulled);
    }
    let newer = all.iter().any(|pulled| pulled.newer);
    let name = request.reference.familiar_name();
    let status = if newer { Status::Downloaded(name) } else { Status::UpToDate(name) };
    distribution::progress::say(progress, status);
    Ok(all)
}

/// A registry may have nothing but one image for another platform under the name: Docker takes it and says so.
fn warn_of_platform(catalog: &Catalog, request: &PullRequest, pulled: &Pulled, progress: &dyn Progress) {
    let Some(wanted) = &request.platform else { return };
    let Some(image) = catalog.lock().images.get(&pulled.id).map(|entry| entry.image.clone()) else { return };
    let have = image.config.platform();
    if !wanted.matches(&have) {
        let text = format!(
            "image with reference {} was found but its platform ({have}) does not match the specified platform ({wanted})",
            pulled.name
        );
        distribution::progress::say(progress, Status::Warning(text));
    }
}

fn pull_one(
    catalog: &Arc<Catalog>,
    client: &Client,
    request: &PullRequest,
    reference: &Reference,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(oci::digest::Digest, Pulled)> {
    let host = Platform::host();
    let platform = request.platform.as_ref().unwrap_or(&host);
    let key = reference.canonical_string();
    // Kept over a failure: the next try goes on from what is here.
    let lease = Lease::new(catalog.clone(), &[], false);
    let incoming = Incoming { catalog, lease: &lease, key: &key };
    let known = catalog.lock().names.contains_key(reference);
    let sinks = Sinks { content: &catalog.content, host: &incoming, progress };
    let pull = Pull { reference, platform, auth: &request.auth, known };
    let fetched = client.pull(&pull, sinks, cancel).and_then(|pulled| {
        let (id, digest) = (pulled.config.digest, pulled.digest);
        let added = catalog.add(new_image(pulled, reference, key.clone()))?;
        Ok((id, digest, added))
    });
    let (id, digest, added) = match fetched {
        Err(error) if error.is_disk_full() => {
            // What is here of it is the space that is missing, perhaps to what its user does next.
            if let Err(error) = catalog.abandon(lease, &key) {
                tracing::warn!(%error, "remove what came of a pull");
            }
            return Err(error);
        }
        fetched => fetched?,
    };
    let newer = added.moved.iter().any(|(name, _)| name == reference);
    Ok((digest, Pulled { id, name: reference.familiar(), newer }))
}

fn new_image(pulled: PulledImage, reference: &Reference, key: String) -> NewImage {
    let by_digest = reference.without_suffix().with_digest(pulled.digest);
    let mut names = vec![reference.clone()];
    if by_digest != *reference {
        names.push(by_digest);
    }
    NewImage {
        id: pulled.config.digest,
        index: (pulled.digest != pulled.manifest.digest).then_some(pulled.digest),
        manifest: Some(pulled.manifest),
        config: pulled.image,
        parent: None,
        blobs: pulled.layers.into_iter().map(Some).collect(),
        repository: Some(reference.name()),
        names,
        pull: Some(key),
    }
}

/// Pushes one reference or all tags of a repository.
pub(crate) fn push(
    catalog: &Arc<Catalog>,
    client: &Client,
    request: &PushRequest,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<()> {
    let reference = &request.reference;
    let name = reference.name();
    let tags: Vec<Reference> = {
        let state = catalog.lock();
        let of_repository =
            state.names.keys().filter(|known| known.name() == name && known.digest().is_none());
        match request.all_tags && reference.is_name_only() {
            true => of_repository.cloned().collect(),
            false => {
                let wanted = reference.tag_or_latest();
                of_repository.filter(|known| **known == wanted).cloned().collect()
            }
        }
    };
    distribution::progress::say(progress, Status::PushRefersTo(name.clone()));
    if tags.is_empty() {
        return Err(errdefs::not_found(match reference.tag() {
            Some(_) if catalog.lock().names.keys().any(|known| known.name() == name) => {
                format!("tag does not exist: {}", reference.familiar())
            }
            _ => format!("An image does not exist locally with the tag: {}", reference.familiar_name()),
        }));
    }
    let mut pushed = HashSet::new();
    for tag in tags {
        push_one(catalog, client, request, &tag, progress, cancel)?;
        pushed.insert(tag);
    }
    Ok(())
}

fn push_one(
    catalog: &Arc<Catalog>,
    client: &Client,
    request: &PushRequest,
    reference: &Reference,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<()> {
    let (image, lease) = {
        let image = catalog.lock().find(&reference.canonical_string())?;
        let mut held = vec![Held::Blob(image.id)];
        held.extend(Held::layers(image.layers()));
        held.extend(image.manifest.as_ref().map(|manifest| Held::Blob(manifest.digest)));
        (image, Lease::new(catalog.clone(), &held, true))
    };
    let outgoing = Outgoing { catalog, lease: &lease };
    let push = Push { reference, auth: &request.auth };
    let what = PushImage { config: image.id, diff_ids: image.layers(), manifest: image.manifest.as_ref() };
    let pushed = client.push(&push, &what, &catalog.content, &outgoing, progress, cancel)?;
    catalog.set_manifest(&image.id, &pushed.manifest)?;
    catalog.name(&reference.without_suffix().with_digest(pushed.manifest.digest), &image.id).map(drop)
}
