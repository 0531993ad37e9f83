//! `GET /version`.

use errdefs::Result;

use crate::Client;
use crate::request::Request;

impl Client {
    /// The versions of the engine and its parts.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn server_version(&self) -> Result<api::system::Version> {
        self.fetch(Request::get("/version"))
    }
}
