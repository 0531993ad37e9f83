//! `diff`: what a container changed against its image.

use api::container::Change;
use errdefs::Result;
use snapshot::ChangeKind;

use super::Containers;

impl Containers {
    /// What differs from its image.
    ///
    /// # Errors
    /// If its files cannot be read.
    pub fn changes(&self, reference: &str) -> Result<Vec<Change>> {
        let _timing = crate::metrics::COUNTERS.changes.time();
        let shared = &self.shared;
        let record = shared.registry.find(reference)?.record();
        let lowers = shared.parts.snapshots.lower_dirs(&record.layers)?;
        let changes = shared.parts.snapshots.changes(&record.id, &lowers)?;
        Ok(changes
            .into_iter()
            .map(|change| Change {
                path: String::from_utf8_lossy(&change.path).into_owned(),
                kind: match change.kind {
                    ChangeKind::Changed => 0,
                    ChangeKind::Added => 1,
                    ChangeKind::Deleted => 2,
                },
            })
            .collect())
    }
}
