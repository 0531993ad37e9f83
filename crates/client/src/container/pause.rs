//! `POST /containers/ID/pause`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::request::Request;

impl Client {
    /// Freezes or thaws all processes of the container, as the name says.
    ///
    /// # Errors
    /// If the container does not exist or is not in the state for it.
    pub fn container_pause(&self, id: &str) -> Result<()> {
        self.run(Request::post(path(id, "/pause")))
    }
}
