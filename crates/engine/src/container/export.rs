//! `export`: all files of a container, without volumes, as one tar stream (semantics 94).

use std::io::Write;
use std::os::fd::AsFd;

use errdefs::Result;

use super::Containers;

impl Containers {
    /// Writes all of its files, without volumes, as a tar stream.
    ///
    /// # Errors
    /// If reading the files or writing fails.
    pub fn export(&self, reference: &str, out: &mut dyn Write) -> Result<()> {
        let shared = &self.shared;
        let container = shared.registry.find(reference)?;
        let record = container.record();
        let root = shared.own_root(&record)?;
        snapshot::archive::tar_root(root.as_fd(), out)?;
        shared.tell(&record, "export", &[]);
        Ok(())
    }
}
