//! `prune`: removes all containers that do not run and match.

use api::container::PruneReport;
use api::filters::Filters;
use errdefs::{Result, conflict};

use super::state::Phase;
use super::{Containers, RemoveOptions};
use crate::event::Kind;
use crate::timestamp;

impl Containers {
    /// Removes all that do not run and match.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters; Conflict if another prune runs.
    pub fn prune(&self, filters: &Filters) -> Result<PruneReport> {
        let shared = &self.shared;
        let _one =
            shared.pruning.try_lock().ok_or_else(|| conflict("a prune operation is already running"))?;
        filters.validate(&["label", "label!", "until"])?;
        let until = timestamp::only_until(filters)?;
        let mut report = PruneReport::default();
        for container in shared.registry.all() {
            let record = container.record();
            let wanted = matches!(record.state.phase, Phase::Created | Phase::Exited | Phase::Dead)
                && filters.labels("label", &record.config.labels)
                && (!filters.contains("label!") || !filters.labels("label!", &record.config.labels))
                && until.iter().all(|until| record.created < *until);
            if !wanted {
                continue;
            }
            let size = shared.sizes(&record).0.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            match self.remove(&record.id, RemoveOptions::default()) {
                Ok(()) => {
                    report.containers_deleted.get_or_insert_default().push(record.id.clone());
                    report.space_reclaimed += size;
                }
                // Started or removed meanwhile.
                Err(error) => tracing::warn!(container = shared.short(&container), %error, "prune"),
            }
        }
        let reclaimed = [("reclaimed".to_owned(), report.space_reclaimed.to_string())].into();
        shared.parts.events.publish(Kind::Container, "prune", "", reclaimed);
        Ok(report)
    }
}
