//! `GET /events`.

use errdefs::Result;

use crate::http::Body;
use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// What happens, one JSON object each, from `since` to `until` (`seconds[.nanoseconds]`, both may be empty).
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn events(&self, since: &str, until: &str, filters: &Filters) -> Result<Body> {
        let query = Query::new().maybe("since", since).maybe("until", until).filters(filters);
        Ok(self.send(Request::get("/events").query(query))?.1)
    }
}
