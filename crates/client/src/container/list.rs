//! `GET /containers/json`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

/// Which containers to list, and what of them.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Also those that do not run.
    pub all: bool,
    /// Only so many, the newest; implies `all`.
    pub limit: Option<i64>,
    /// Count the sizes, which is slow.
    pub size: bool,
    /// Only those that match.
    pub filters: Filters,
}

impl Client {
    /// The containers, newest first.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn container_list(&self, options: &List) -> Result<Vec<api::container::Summary>> {
        self.fetch(request(options))
    }

    /// The containers, newest first, as the engine wrote them: for those who need little of them.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn container_list_raw(&self, options: &List) -> Result<Vec<u8>> {
        self.fetch_bytes(request(options))
    }
}

fn request(options: &List) -> Request<'static> {
    let mut query = Query::new().flag("all", options.all);
    if let Some(limit) = options.limit {
        query = query.with("limit", limit.to_string());
    }
    Request::get("/containers/json").query(query.flag("size", options.size).filters(&options.filters))
}
