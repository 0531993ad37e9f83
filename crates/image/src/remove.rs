//! Taking names away and, with the last one, the image. The rules and texts are those of Docker's graph driver store.

use std::collections::HashMap;

use errdefs::{Error, Result};
use oci::digest::Digest;
use oci::reference::Reference;

use crate::catalog::{Catalog, Entry, Forgotten, State};
use crate::find::{is_id_prefix, stored_form};
use crate::image::{Image, ImageId};
use crate::request::{Deleted, RemoveRequest, Use};

/// Who uses an image.
type InUse<'a> = &'a dyn Fn(&ImageId) -> Vec<Use>;

/// What stands against a removal. `force` gets past the last two.
#[derive(Clone, Copy)]
struct Obstacles {
    names: bool,
    stopped: bool,
}

struct Conflict {
    text: String,
    used: bool,
}

impl Conflict {
    fn new(id: &ImageId, hard: bool, used: bool, why: &str) -> Self {
        let forced = if hard { "cannot be forced" } else { "must be forced" };
        Self { text: format!("conflict: unable to delete {} ({forced}) - {why}", id.short()), used }
    }

    fn into_error(self) -> Error {
        errdefs::conflict(self.text)
    }
}

impl Catalog {
    /// `docker rmi`.
    pub(crate) fn remove(&self, request: &RemoveRequest, in_use: InUse<'_>) -> Result<Vec<Deleted>> {
        // Asked before the lock is taken: the one who answers may be waiting for it. A container made meanwhile holds
        // a lease on what it needs.
        let line = self.line_of(&request.name)?;
        let users: HashMap<ImageId, Vec<Use>> = line.iter().map(|id| (*id, in_use(id))).collect();
        let mut state = self.lock();
        let image = state.find(&request.name)?;
        if image.id != line[0] {
            return Err(errdefs::conflict(format!("{} was given to another image meanwhile", request.name)));
        }
        let mut removal =
            Removal { state: &state, users, names: Vec::new(), images: Vec::new(), deleted: Vec::new() };
        removal.plan(&image, request)?;
        let Removal { names, images, deleted, .. } = removal;
        self.forget(&mut state, &names, &images)?;
        Ok(deleted)
    }

    /// An image and its ancestors here.
    fn line_of(&self, name: &str) -> Result<Vec<ImageId>> {
        let state = self.lock();
        let mut line = vec![state.find(name)?.id];
        while let Some(parent) = state.images.get(&line[line.len() - 1]).and_then(|entry| entry.record.parent)
        {
            if line.contains(&parent) {
                break;
            }
            line.push(parent);
        }
        Ok(line)
    }
}

/// What is to go. It is decided before anything is changed and goes at once: whenever the daemon is killed, there is no
/// image between, without its names but still here.
struct Removal<'a> {
    state: &'a State,
    users: HashMap<ImageId, Vec<Use>>,
    names: Vec<Reference>,
    images: Vec<Forgotten>,
    deleted: Vec<Deleted>,
}

impl Removal<'_> {
    fn users(&self, id: &ImageId) -> &[Use] {
        self.users.get(id).map_or(&[], Vec::as_slice)
    }

    /// The names that stay.
    fn names_of(&self, id: &ImageId) -> Vec<Reference> {
        let mut names = self.state.names_of(id);
        names.retain(|name| !self.names.contains(name));
        names
    }

    /// Images that stay.
    fn others(&self) -> impl Iterator<Item = &Entry> {
        let goes = |entry: &Entry| self.images.iter().any(|gone| gone.id == entry.image.id);
        self.state.images.values().filter(move |entry| !goes(entry))
    }

    fn has_children(&self, id: &ImageId) -> bool {
        self.others().any(|entry| entry.record.parent == Some(*id))
    }

    fn plan(&mut self, image: &Image, request: &RemoveRequest) -> Result<()> {
        let id = image.id;
        let names = self.names_of(&id);
        let by_id = is_id_prefix(&id, &request.name);
        if by_id {
            if is_single(&names) {
                let obstacles = Obstacles { names: false, stopped: !request.force };
                if let Some(conflict) = self.conflict(&id, obstacles) {
                    return Err(conflict.into_error());
                }
                self.untag(&id, &names);
            }
            return self.delete(&id, request.force, !request.no_prune, false);
        }
        if !request.force
            && is_single(&names)
            && let Some(user) = self.users(&id).first()
        {
            return Err(errdefs::conflict(format!(
                "conflict: unable to remove repository reference \"{}\" (must force) - container {} is using its referenced image {}",
                request.name,
                short(&user.container),
                id.short()
            )));
        }
        let name = stored_form(&Reference::parse(&request.name)?);
        self.untag(&id, std::slice::from_ref(&name));
        if name.digest().is_none() {
            self.untag_digests_without_tag(&id, &name);
        }
        if !self.names_of(&id).is_empty() {
            return Ok(());
        }
        self.delete(&id, request.force, !request.no_prune, true)
    }

    fn untag(&mut self, id: &ImageId, names: &[Reference]) {
        self.names.extend_from_slice(names);
        self.deleted.extend(names.iter().map(|name| Deleted::Untagged { name: name.familiar(), id: *id }));
    }

    /// With the last tag of a repository go the digests it was pulled by.
    fn untag_digests_without_tag(&mut self, id: &ImageId, gone: &Reference) {
        let mut of_repository = self.names_of(id);
        of_repository.retain(|name| name.name() == gone.name());
        if of_repository.iter().all(|name| name.tag().is_none()) {
            self.untag(id, &of_repository);
        }
    }

    /// An image goes and, if `prune`, its parents that nobody names. `quiet`: something goes already, so what stands in
    /// the way of the rest is no error.
    fn delete(&mut self, id: &ImageId, force: bool, prune: bool, quiet: bool) -> Result<()> {
        if let Some(conflict) = self.conflict(id, Obstacles { names: !force, stopped: !force }) {
            let dangling = self.names_of(id).is_empty() && !self.has_children(id);
            if quiet && (!dangling || conflict.used) {
                return Ok(());
            }
            return Err(conflict.into_error());
        }
        let Some(entry) = self.state.images.get(id) else { return Ok(()) };
        let parent = entry.record.parent;
        let chains = self.chains_only_of(id);
        let names = self.names_of(id);
        self.untag(id, &names);
        // A stopped container of an image that is removed by force keeps its root file system.
        let keep_layers = !self.users(id).is_empty();
        self.images.push(Forgotten { id: *id, keep_layers });
        self.deleted.push(Deleted::Image(*id));
        self.deleted.extend(chains.into_iter().map(Deleted::Layer));
        match parent.filter(|_| prune) {
            Some(parent) => self.delete(&parent, false, true, true),
            None => Ok(()),
        }
    }

    fn conflict(&self, id: &ImageId, obstacles: Obstacles) -> Option<Conflict> {
        if self.has_children(id) {
            return Some(Conflict::new(id, true, false, "image has dependent child images"));
        }
        let users = self.users(id);
        if let Some(user) = users.iter().find(|user| user.running) {
            let why = format!("image is being used by running container {}", short(&user.container));
            return Some(Conflict::new(id, true, true, &why));
        }
        if obstacles.names && !self.names_of(id).is_empty() {
            return Some(Conflict::new(id, false, false, "image is referenced in multiple repositories"));
        }
        let user = users.iter().find(|user| !user.running).filter(|_| obstacles.stopped)?;
        let why = format!("image is being used by stopped container {}", short(&user.container));
        Some(Conflict::new(id, false, true, &why))
    }

    /// The chain IDs, topmost first, of the layer stacks that no other image has: what Docker reports as deleted.
    fn chains_only_of(&self, id: &ImageId) -> Vec<Digest> {
        let Some(entry) = self.state.images.get(id) else { return Vec::new() };
        if !self.users(id).is_empty() {
            return Vec::new();
        }
        let layers = entry.image.layers();
        let others = || self.others().filter(|other| other.image.id != *id);
        let shared = |depth: usize| others().any(|other| other.image.layers().starts_with(&layers[..depth]));
        let shared_depth = (0..=layers.len()).rev().find(|depth| *depth == 0 || shared(*depth)).unwrap_or(0);
        let chains = chain_ids(layers);
        chains[shared_depth..].iter().rev().copied().collect()
    }
}

/// The chain ID of each prefix of a stack of layers (OCI image specification, "Layer ChainID").
pub(crate) fn chain_ids(layers: &[Digest]) -> Vec<Digest> {
    let mut chains: Vec<Digest> = Vec::with_capacity(layers.len());
    for layer in layers {
        let chain = match chains.last() {
            None => *layer,
            Some(below) => Digest::of(format!("{below} {layer}").as_bytes()),
        };
        chains.push(chain);
    }
    chains
}

/// Whether an image has at most one name: none, one, or one tag and digests of the same repository.
fn is_single(names: &[Reference]) -> bool {
    if names.len() <= 1 {
        return true;
    }
    let tags: Vec<&Reference> = names.iter().filter(|name| name.digest().is_none()).collect();
    let first = tags.first().copied().unwrap_or(&names[0]);
    let mut digests = names.iter().filter(|name| name.digest().is_some());
    tags.len() <= 1 && digests.all(|name| name.name() == first.name())
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_names() {
        let digest = Digest::of(b"x");
        let name = |text: &str| Reference::parse(&text.replace('D', &digest.to_string())).unwrap();
        for (names, single) in [
            (&[][..], true),
            (&["a:1"], true),
            (&["a:1", "a:2"], false),
            (&["a:1", "a@D"], true),
            (&["a:1", "b@D"], false),
            (&["a@D"], true),
            (&["a@D", "b@D"], false),
            (&["a:1", "b:1"], false),
        ] {
            let names: Vec<Reference> = names.iter().map(|text| name(text)).collect();
            assert_eq!(is_single(&names), single, "{names:?}");
        }
    }

    #[test]
    fn chain_ids_are_those_of_the_specification() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let chains = chain_ids(&[a, b]);
        assert_eq!(chains[0], a);
        assert_eq!(chains[1], Digest::of(format!("{a} {b}").as_bytes()));
    }
}
