//! `GET /exec/ID/json`.

use errdefs::Result;

use crate::Client;
use crate::query::segment;
use crate::request::Request;

impl Client {
    /// The state of the process.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn exec_inspect(&self, id: &str) -> Result<api::exec::InspectResponse> {
        self.fetch(Request::get(format!("/exec/{}/json", segment(id))))
    }
}
