//! `DELETE /volumes/NAME`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Removes the volume; with `force` a missing one is no error.
    ///
    /// # Errors
    /// If the volume does not exist or is in use.
    pub fn volume_remove(&self, name: &str, force: bool) -> Result<()> {
        self.run(Request::delete(path(name)).query(Query::new().flag("force", force)))
    }
}
