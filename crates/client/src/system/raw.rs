//! `GET` of any object by its path: for `inspect` of kinds that have no operation of their own here (swarm's).

use errdefs::Result;

use crate::Client;
use crate::query::segment;
use crate::request::Request;

impl Client {
    /// The object `name` of `collection` (`plugins`, `secrets`, ...), as the engine wrote it.
    ///
    /// # Errors
    /// If it does not exist.
    pub fn object_raw(&self, collection: &str, name: &str) -> Result<Vec<u8>> {
        self.fetch_bytes(Request::get(format!("/{collection}/{}", segment(name))))
    }
}
