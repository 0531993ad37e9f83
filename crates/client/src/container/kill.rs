//! `POST /containers/ID/kill`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Sends `signal` to the container's process; the engine's default (KILL) if it is empty.
    ///
    /// # Errors
    /// If the container does not exist or does not run, or the signal is unknown.
    pub fn container_kill(&self, id: &str, signal: &str) -> Result<()> {
        self.run(Request::post(path(id, "/kill")).query(Query::new().maybe("signal", signal)))
    }
}
