//! `POST /images/prune`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// Removes images without a name, or with `dangling=false` all that are not used.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn image_prune(&self, filters: &Filters) -> Result<api::image::PruneReport> {
        self.fetch(Request::post("/images/prune").query(Query::new().filters(filters)))
    }
}
