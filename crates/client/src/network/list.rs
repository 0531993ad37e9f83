//! `GET /networks`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// The networks.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn network_list(&self, filters: &Filters) -> Result<Vec<api::network::Network>> {
        self.fetch(Request::get("/networks").query(Query::new().filters(filters)))
    }
}
