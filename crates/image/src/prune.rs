//! Removing what nobody uses.

use std::collections::HashSet;

use errdefs::{Class, Result};
use oci::digest::Digest;

use crate::catalog::Catalog;
use crate::filter::labels_pass;
use crate::image::{Image, ImageId};
use crate::remove::chain_ids;
use crate::request::{Deleted, PruneFilter, Pruned, RemoveRequest, Use};

impl Catalog {
    /// `docker image prune`. One image that cannot be removed does not stop the others.
    pub(crate) fn prune(
        &self,
        filter: &PruneFilter,
        in_use: &dyn Fn(&ImageId) -> Vec<Use>,
    ) -> Result<Pruned> {
        let mut pruned = Pruned::default();
        let (chosen, sizes) = self.choose(filter);
        for (id, names) in chosen {
            let targets = if names.is_empty() { vec![id.to_string()] } else { names };
            for name in targets {
                let request = RemoveRequest { name, force: false, no_prune: false };
                match self.remove(&request, in_use) {
                    Ok(deleted) => pruned.deleted.extend(deleted),
                    // In use, or gone meanwhile.
                    Err(error) if matches!(error.class(), Class::Conflict | Class::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let gone: HashSet<Digest> = pruned
            .deleted
            .iter()
            .filter_map(|deleted| match deleted {
                Deleted::Layer(chain) => Some(*chain),
                _ => None,
            })
            .collect();
        pruned.reclaimed = sizes.iter().filter(|(chain, _)| gone.contains(chain)).map(|(_, size)| size).sum();
        Ok(pruned)
    }

    /// The images to try with the names to take away, and the size of every layer by chain ID.
    #[expect(clippy::type_complexity, reason = "two lists used at one place")]
    fn choose(&self, filter: &PruneFilter) -> (Vec<(ImageId, Vec<String>)>, HashSet<(Digest, u64)>) {
        let state = self.lock();
        let mut chosen = Vec::new();
        let mut sizes = HashSet::new();
        for entry in state.images.values() {
            let image: &Image = &entry.image;
            sizes.extend(chain_ids(image.layers()).into_iter().zip(image.layer_sizes.iter().copied()));
            let names = state.names_of(&image.id);
            let only_a_parent = names.is_empty() && state.has_children(&image.id);
            let tagged = names.iter().any(|name| name.tag().is_some());
            let too_new =
                filter.until.is_some_and(|until| image.created.is_none_or(|created| created > until));
            if only_a_parent
                || (filter.dangling && (tagged || state.has_children(&image.id)))
                || too_new
                || !labels_pass(image, &filter.labels, &filter.not_labels)
            {
                continue;
            }
            chosen.push((image.id, names.iter().map(|name| name.canonical_string()).collect()));
        }
        (chosen, sizes)
    }
}
