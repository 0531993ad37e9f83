//! `GET /images/json`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// The images; with intermediate ones if `all`.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn image_list(&self, all: bool, filters: &Filters) -> Result<Vec<api::image::Summary>> {
        self.fetch(Request::get("/images/json").query(Query::new().flag("all", all).filters(filters)))
    }
}
