//! `GET /networks/NAME`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Everything about the network, as the engine wrote it.
    ///
    /// # Errors
    /// If the network does not exist.
    pub fn network_inspect_raw(&self, name: &str, verbose: bool) -> Result<Vec<u8>> {
        let query = if verbose { Query::new().with("verbose", "true") } else { Query::new() };
        self.fetch_bytes(Request::get(path(name, "")).query(query))
    }
}
