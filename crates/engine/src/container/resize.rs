//! The size of a container's terminal.

use errdefs::Result;

use super::Containers;

impl Containers {
    /// Sets the size of its terminal.
    ///
    /// # Errors
    /// Conflict if it does not run.
    pub fn resize(&self, reference: &str, height: u32, width: u32) -> Result<()> {
        let container = self.shared.registry.find(reference)?;
        container.handle()?.resize(cells(height), cells(width))?;
        let extra = [("height", height.to_string()), ("width", width.to_string())];
        self.shared.tell(&container.record(), "resize", &extra);
        Ok(())
    }
}

/// Terminals count in 16 bits; more is as much as they can.
pub(crate) fn cells(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
