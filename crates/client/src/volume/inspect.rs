//! `GET /volumes/NAME`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::request::Request;

impl Client {
    /// Everything about the volume, as the engine wrote it.
    ///
    /// # Errors
    /// If the volume does not exist.
    pub fn volume_inspect_raw(&self, name: &str) -> Result<Vec<u8>> {
        self.fetch_bytes(Request::get(path(name)))
    }
}
