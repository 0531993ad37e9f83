//! `POST /networks/prune`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// Removes the networks that nothing uses.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn network_prune(&self, filters: &Filters) -> Result<api::network::PruneReport> {
        self.fetch(Request::post("/networks/prune").query(Query::new().filters(filters)))
    }
}
