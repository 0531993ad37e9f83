//! `POST /volumes/prune`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// Removes anonymous volumes that nothing uses, or with `all=true` the named ones too.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn volume_prune(&self, filters: &Filters) -> Result<api::volume::PruneReport> {
        self.fetch(Request::post("/volumes/prune").query(Query::new().filters(filters)))
    }
}
