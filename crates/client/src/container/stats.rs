//! `GET /containers/ID/stats`.

use errdefs::Result;

use super::path;
use crate::http::Body;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// The container's counters, one JSON line a sample: one sample after another, or a single one.
    ///
    /// # Errors
    /// If the container does not exist.
    pub fn container_stats(&self, id: &str, stream: bool) -> Result<Body> {
        let query = Query::new().with("stream", if stream { "1" } else { "0" });
        Ok(self.send(Request::get(path(id, "/stats")).query(query))?.1)
    }
}
