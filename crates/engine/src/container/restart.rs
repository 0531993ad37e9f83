//! `restart`: stop if it runs, then start; neither `--rm` nor the restart policy act on the stop between.

use errdefs::{Class, Error, Result};

use super::{Containers, StopOptions};

impl Containers {
    /// Stops it if it runs, and starts it.
    ///
    /// # Errors
    /// As `stop` and `start`, but for NotModified.
    pub fn restart(&self, reference: &str, options: &StopOptions) -> Result<()> {
        let container = self.shared.registry.find(reference)?;
        if container.record().state.phase.counts_as_running() {
            container.live.lock().restarting_by_hand = true;
            let stopped = self.shared.stop(&container, options);
            // The exit is handled under the operation lock: having it means that the flag was seen.
            drop(container.operation.lock());
            container.live.lock().restarting_by_hand = false;
            stopped.map_err(|error| named(error, reference))?;
        }
        match self.start(&container.id) {
            Err(error) if error.class() != Class::NotModified => Err(named(error, reference)),
            _ => {
                self.shared.tell(&container.record(), "restart", &[]);
                Ok(())
            }
        }
    }
}

fn named(error: Error, reference: &str) -> Error {
    error.context(format!("Cannot restart container {reference}"))
}
