//! `kill`: a signal by name or number (semantics 48).

use std::time::{Duration, Instant};

use errdefs::Result;

use super::{Containers, signal};

/// How long KILL may take until the container is seen to be gone.
const PATIENCE: Duration = Duration::from_secs(12);

impl Containers {
    /// Sends a signal, a name or a number; empty means KILL. KILL blocks until the container has exited.
    ///
    /// # Errors
    /// Conflict if it does not run; InvalidParameter `invalid signal: x`.
    pub fn kill(&self, reference: &str, name: &str) -> Result<()> {
        let what = |error: errdefs::Error| error.context(format!("cannot kill container: {reference}"));
        let container = self.shared.registry.find(reference).map_err(what)?;
        let number = if name.is_empty() { signal::KILL } else { signal::sendable(name).map_err(what)? };
        if self.shared.stop_between_runs(&container) {
            return Ok(());
        }
        let record = container.record();
        if !record.state.phase.has_process() {
            return Err(what(container.not_running()));
        }
        let stops = match record.config.stop_signal.as_str() {
            "" => number == signal::TERM,
            configured => signal::parse(configured).is_ok_and(|stop| stop == number),
        };
        // A forced removal has written it already.
        if (stops || number == signal::KILL) && !record.state.by_hand {
            self.shared.happened(&container, |record| record.state.by_hand = true);
        }
        let exits = container.progress.now().exits;
        self.shared.send(&container, number, PATIENCE).map_err(what)?;
        if number == signal::KILL {
            let deadline = Some(Instant::now() + PATIENCE);
            if !container.progress.wait(deadline, |moment| moment.exits > exits || !moment.running) {
                return Err(errdefs::system(format!(
                    "cannot kill container: {reference}: tried to kill container, but did not receive an exit event"
                )));
            }
        }
        Ok(())
    }
}
