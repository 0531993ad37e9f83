//! The containers in memory: the map by ID and the index of names.
//!
//! Invariants: a name belongs to at most one container, and is taken before anything else of a container is made, so two
//! creates with one name cannot both succeed; both maps change under one lock, which is never held across anything slow.
//!
//! Lookup order: full ID, exact name, unique ID prefix (semantics 61).

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use errdefs::Result;
use parking_lot::RwLock;

/// Containers (or whatever `T` stands for one) by ID and name.
pub(crate) struct Registry<T> {
    maps: RwLock<Maps<T>>,
}

struct Maps<T> {
    by_id: BTreeMap<String, T>,
    /// Names without the leading slash; also those reserved for a container that is still being made.
    names: HashMap<String, String>,
}

impl<T: Clone> Registry<T> {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { maps: RwLock::new(Maps { by_id: BTreeMap::new(), names: HashMap::new() }) }
    }

    /// Takes `name` for the container `id`.
    ///
    /// # Errors
    /// Conflict, in Docker's words, if another container has it.
    pub(crate) fn reserve(&self, name: &str, id: &str) -> Result<()> {
        let mut maps = self.maps.write();
        match maps.names.get(name) {
            Some(holder) if holder != id => Err(errdefs::conflict(format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to \
                 remove (or rename) that container to be able to reuse that name."
            ))),
            _ => {
                maps.names.insert(name.to_owned(), id.to_owned());
                Ok(())
            }
        }
    }

    /// Gives `name` back if `id` has it.
    pub(crate) fn release(&self, name: &str, id: &str) {
        let mut maps = self.maps.write();
        if maps.names.get(name).is_some_and(|holder| holder == id) {
            maps.names.remove(name);
        }
    }

    /// Makes a container visible.
    pub(crate) fn insert(&self, id: &str, value: T) {
        self.maps.write().by_id.insert(id.to_owned(), value);
    }

    /// Makes a container and all of its names disappear.
    pub(crate) fn remove(&self, id: &str) -> Option<T> {
        let mut maps = self.maps.write();
        maps.names.retain(|_, holder| holder != id);
        maps.by_id.remove(id)
    }

    /// All containers, ordered by ID.
    pub(crate) fn all(&self) -> Vec<T> {
        self.maps.read().by_id.values().cloned().collect()
    }

    /// The container with exactly this ID.
    pub(crate) fn by_id(&self, id: &str) -> Option<T> {
        self.maps.read().by_id.get(id).cloned()
    }

    /// The container that `reference` (ID, name with or without slash, or unique ID prefix) means.
    ///
    /// # Errors
    /// Invalid parameter if it is empty or several IDs begin with it; not found if there is none.
    pub(crate) fn find(&self, reference: &str) -> Result<T> {
        if reference.is_empty() {
            return Err(errdefs::invalid("invalid name or ID supplied: \"\""));
        }
        let maps = self.maps.read();
        if let Some(found) = maps.by_id.get(reference) {
            return Ok(found.clone());
        }
        let bare = reference.strip_prefix('/').unwrap_or(reference);
        if let Some(found) = maps.names.get(bare).and_then(|id| maps.by_id.get(id)) {
            return Ok(found.clone());
        }
        let from = (Bound::Included(reference.to_owned()), Bound::Unbounded);
        let mut matching = maps.by_id.range(from).take_while(|(id, _)| id.starts_with(reference));
        match (matching.next(), matching.next()) {
            (None, _) => Err(errdefs::not_found(format!("No such container: {reference}"))),
            (Some((_, found)), None) => Ok(found.clone()),
            (Some(_), Some(_)) => {
                Err(errdefs::invalid(format!("multiple IDs found with provided prefix: {reference}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use errdefs::Class;

    fn registry() -> Registry<u32> {
        let registry = Registry::new();
        for (id, name, value) in [("abc1", "one", 1), ("abd2", "two", 2), ("two3", "abc", 3)] {
            registry.reserve(name, id).unwrap();
            registry.insert(id, value);
        }
        registry
    }

    #[test]
    fn lookup_prefers_full_id_then_name_then_prefix() {
        let registry = registry();
        let table = [("abc1", 1), ("one", 1), ("/one", 1), ("abc", 3), ("abd", 2), ("two", 2), ("two3", 3)];
        for (reference, value) in table {
            assert_eq!(registry.find(reference).unwrap(), value, "{reference}");
        }
    }

    #[test]
    fn failures_have_dockers_words_and_classes() {
        let registry = registry();
        let table = [
            ("ab", Class::InvalidParameter, "multiple IDs found with provided prefix: ab"),
            ("x", Class::NotFound, "No such container: x"),
            ("", Class::InvalidParameter, "invalid name or ID supplied: \"\""),
        ];
        for (reference, class, text) in table {
            let error = registry.find(reference).unwrap_err();
            assert_eq!((error.class(), error.to_string().as_str()), (class, text));
        }
    }

    #[test]
    fn a_name_is_taken_once_and_freed_with_its_container() {
        let registry = registry();
        let error = registry.reserve("one", "ffff").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Conflict. The container name \"/one\" is already in use by container \"abc1\". You have to remove (or \
             rename) that container to be able to reuse that name."
        );
        registry.release("one", "ffff");
        assert!(registry.reserve("one", "ffff").is_err());
        registry.remove("abc1");
        registry.reserve("one", "ffff").unwrap();
        assert!(registry.find("one").is_err(), "reserved is not yet visible");
    }
}
