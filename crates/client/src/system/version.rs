//! `GET /version`.

use errdefs::Result;

use crate::Client;
use crate::request::Request;

impl Client {
    /// The versions of the engine and its parts, as the engine wrote them.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn server_version_raw(&self) -> Result<Vec<u8>> {
        self.fetch_bytes(Request::get("/version"))
    }
}
