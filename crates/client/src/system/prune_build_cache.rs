//! `POST /build/prune`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Filters, Query};

impl Client {
    /// Removes what the builder remembers and nothing uses; gives the freed bytes and the removed records.
    ///
    /// # Errors
    /// If a filter is unknown or malformed.
    pub fn build_cache_prune(&self, all: bool, filters: &Filters) -> Result<(u64, Vec<String>)> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        #[derive(Default)]
        struct Report {
            caches_deleted: Option<Vec<String>>,
            space_reclaimed: u64,
        }
        let query = Query::new().flag("all", all).filters(filters);
        let report: Report = self.fetch(Request::post("/build/prune").query(query))?;
        Ok((report.space_reclaimed, report.caches_deleted.unwrap_or_default()))
    }
}
