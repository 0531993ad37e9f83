//! `GET /containers/ID/top`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// The container's processes, as `ps ARGUMENTS` shows them.
    ///
    /// # Errors
    /// If the container does not run or `ps` dislikes the arguments.
    pub fn container_top(&self, id: &str, arguments: &[String]) -> Result<api::container::TopResponse> {
        let query = Query::new().maybe("ps_args", arguments.join(" "));
        self.fetch(Request::get(path(id, "/top")).query(query))
    }
}
