//! `GET /volumes`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// The volumes.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn volume_list(&self, filters: &Filters) -> Result<api::volume::ListResponse> {
        self.fetch(Request::get("/volumes").query(Query::new().filters(filters)))
    }
}
