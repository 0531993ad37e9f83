//! `DELETE /networks/NAME`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::request::Request;

impl Client {
    /// Removes the network.
    ///
    /// # Errors
    /// If the network does not exist, is predefined or in use.
    pub fn network_remove(&self, name: &str) -> Result<()> {
        self.run(Request::delete(path(name, "")))
    }
}
