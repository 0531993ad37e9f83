//! `GET /images/search`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Searches an index of images; as many results as the engine likes if `limit` is 0.
    ///
    /// # Errors
    /// For wrong filters and limits; if the index cannot be asked.
    pub fn image_search(
        &self,
        term: &str,
        limit: i64,
        filters: &api::filters::Filters,
        auth: Option<&str>,
    ) -> Result<Vec<api::image::SearchResult>> {
        let query = Query::new().with("term", term).maybe("filters", filters.to_json());
        let query = if limit == 0 { query } else { query.with("limit", limit.to_string()) };
        self.fetch(Request::get("/images/search").query(query).registry_auth(auth))
    }
}
