//! `GET /containers/ID/json`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Everything about the container, as the engine wrote it.
    ///
    /// # Errors
    /// If the container does not exist.
    pub fn container_inspect_raw(&self, id: &str, size: bool) -> Result<Vec<u8>> {
        self.fetch_bytes(Request::get(path(id, "/json")).query(Query::new().flag("size", size)))
    }

    /// Everything about the container.
    ///
    /// # Errors
    /// If the container does not exist.
    pub fn container_inspect(&self, id: &str) -> Result<api::container::InspectResponse> {
        self.fetch(Request::get(path(id, "/json")))
    }
}
