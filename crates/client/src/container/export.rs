//! `GET /containers/ID/export`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::http::Body;
use crate::request::Request;

impl Client {
    /// The container's files as one tar stream.
    ///
    /// # Errors
    /// If the container does not exist.
    pub fn container_export(&self, id: &str) -> Result<Body> {
        Ok(self.send(Request::get(path(id, "/export")))?.1)
    }
}
