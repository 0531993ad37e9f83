//! `POST /containers/prune`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// Removes the containers that do not run.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn container_prune(&self, filters: &Filters) -> Result<api::container::PruneReport> {
        self.fetch(Request::post("/containers/prune").query(Query::new().filters(filters)))
    }
}
