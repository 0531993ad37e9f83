//! Freezing and thawing (semantics 69).

use std::sync::Arc;

use errdefs::Result;

use super::Containers;
use super::shared::{Container, Shared};
use super::state::Phase;

impl Containers {
    /// Freezes its processes.
    ///
    /// # Errors
    /// Conflict if it does not run or is paused.
    pub fn pause(&self, reference: &str) -> Result<()> {
        let container = self.shared.registry.find(reference)?;
        let _operation = container.operation.lock();
        match container.record().state.phase {
            Phase::Running => {}
            Phase::Paused => {
                return Err(errdefs::conflict(format!("Container {} is already paused", container.id)));
            }
            Phase::Restarting => {
                return Err(errdefs::conflict(format!(
                    "Container {} is restarting, wait until the container is running",
                    container.id
                )));
            }
            _ => return Err(container.not_running()),
        }
        container.handle()?.pause()?;
        let record = self.shared.happened(&container, |record| record.state.phase = Phase::Paused);
        self.shared.tell(&record, "pause", &[]);
        Ok(())
    }

    /// Thaws its processes.
    ///
    /// # Errors
    /// If it is not paused.
    pub fn unpause(&self, reference: &str) -> Result<()> {
        let container = self.shared.registry.find(reference)?;
        if container.record().state.phase != Phase::Paused {
            return Err(errdefs::system(format!("Container {} is not paused", container.id)));
        }
        self.shared.unpause(&container)
    }
}

impl Shared {
    /// Thaws a container; one that is not paused stays as it is.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn unpause(&self, container: &Arc<Container>) -> Result<()> {
        let _operation = container.operation.lock();
        if container.record().state.phase != Phase::Paused {
            return Ok(());
        }
        container.handle()?.resume()?;
        let record = self.happened(container, |record| record.state.phase = Phase::Running);
        self.tell(&record, "unpause", &[]);
        Ok(())
    }
}
