//! `POST /containers/ID/rename`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Gives the container a new name.
    ///
    /// # Errors
    /// If the container does not exist, or the name is malformed or taken.
    pub fn container_rename(&self, id: &str, name: &str) -> Result<()> {
        self.run(Request::post(path(id, "/rename")).query(Query::new().with("name", name)))
    }
}
