//! `GET /info`.

use errdefs::Result;

use crate::Client;
use crate::request::Request;

impl Client {
    /// What the engine is and how it is set up.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn info(&self) -> Result<api::system::Info> {
        self.fetch(Request::get("/info"))
    }

    /// The same, as the engine wrote it.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn info_raw(&self) -> Result<Vec<u8>> {
        self.fetch_bytes(Request::get("/info"))
    }
}
