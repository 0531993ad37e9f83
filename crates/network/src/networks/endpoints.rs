//! All endpoints in memory, by id and by container.
//!
//! Invariant: both ways lead to the same endpoints. A list of containers asks for the endpoints of each one, which must
//! not cost a look at those of all the others.

use std::collections::{BTreeMap, HashMap};

use crate::Endpoint;

/// The endpoints of all networks.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    by_id: BTreeMap<String, Endpoint>,
    /// Ids by container.
    of_container: HashMap<String, Vec<String>>,
}

impl Endpoints {
    /// Adds one, in the place of one with the same id.
    pub(super) fn insert(&mut self, endpoint: Endpoint) {
        self.remove(&endpoint.id);
        self.of_container.entry(endpoint.container_id.clone()).or_default().push(endpoint.id.clone());
        self.by_id.insert(endpoint.id.clone(), endpoint);
    }

    /// Removes one, if it is there.
    pub(super) fn remove(&mut self, id: &str) {
        let Some(endpoint) = self.by_id.remove(id) else { return };
        if let Some(ids) = self.of_container.get_mut(&endpoint.container_id) {
            ids.retain(|have| have != id);
            if ids.is_empty() {
                self.of_container.remove(&endpoint.container_id);
            }
        }
    }

    /// All of them, ordered by id.
    pub(super) fn values(&self) -> impl Iterator<Item = &Endpoint> + Clone {
        self.by_id.values()
    }

    /// Those of a container.
    pub(super) fn of(&self, container_id: &str) -> impl Iterator<Item = &Endpoint> {
        self.of_container.get(container_id).into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    /// Changes one, if it is there; neither its id nor its container.
    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut Endpoint)) -> Option<&Endpoint> {
        let endpoint = self.by_id.get_mut(id)?;
        change(endpoint);
        Some(endpoint)
    }
}
