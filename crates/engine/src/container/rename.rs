//! Renaming (semantics 60).

use errdefs::{Result, invalid};

use super::state::Phase;
use super::{Containers, names};

impl Containers {
    /// Gives it another name.
    ///
    /// # Errors
    /// InvalidParameter for a wrong name or its own; Conflict for a taken one.
    pub fn rename(&self, reference: &str, name: &str) -> Result<()> {
        if name.is_empty() {
            return Err(invalid("Neither old nor new names may be empty"));
        }
        let shared = &self.shared;
        let container = shared.registry.find(reference)?;
        let _operation = container.operation.lock();
        let old = container.record().name.clone();
        let bare = name.strip_prefix('/').unwrap_or(name);
        if bare == old {
            return Err(invalid("Renaming a container with the same name as its current name"));
        }
        if matches!(container.record().state.phase, Phase::Removing | Phase::Dead) {
            return Err(errdefs::conflict("container is being removed: cannot be renamed"));
        }
        let what = |error: errdefs::Error| error.context("Error when allocating new name");
        let checked = names::check(&format!("/{bare}")).map_err(what)?.to_owned();
        shared.registry.reserve(&checked, &container.id).map_err(what)?;
        let changed = shared.change(&container, |record| record.name.clone_from(&checked));
        let record = match changed {
            Ok(record) => record,
            Err(error) => {
                shared.registry.release(&checked, &container.id);
                return Err(error);
            }
        };
        shared.registry.release(&old, &container.id);
        shared.parts.networks.rename(&container.id, &checked)?;
        shared.tell_neighbours(&shared.parts.networks.endpoints_of(&container.id));
        shared.tell(&record, "rename", &[("oldName", format!("/{old}"))]);
        Ok(())
    }
}
