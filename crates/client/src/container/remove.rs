//! `DELETE /containers/ID`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

/// How to remove a container.
#[derive(Debug, Clone, Copy, Default)]
pub struct Remove {
    /// Also its anonymous volumes.
    pub volumes: bool,
    /// Kill it first if it runs.
    pub force: bool,
    /// Remove the link of this name, not the container.
    pub link: bool,
}

impl Client {
    /// Removes the container.
    ///
    /// # Errors
    /// If the container does not exist, or runs and is not forced.
    pub fn container_remove(&self, id: &str, options: Remove) -> Result<()> {
        let query =
            Query::new().flag("v", options.volumes).flag("link", options.link).flag("force", options.force);
        self.run(Request::delete(path(id, "")).query(query))
    }
}
