//! `GET /containers/ID/changes`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::request::Request;

impl Client {
    /// What the container changed in its image's files.
    ///
    /// # Errors
    /// If the container does not exist.
    pub fn container_diff(&self, id: &str) -> Result<Vec<api::container::Change>> {
        self.fetch::<Option<_>>(Request::get(path(id, "/changes"))).map(Option::unwrap_or_default)
    }
}
