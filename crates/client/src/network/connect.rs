//! `POST /networks/NAME/connect`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::request::{Request, nameless};

impl Client {
    /// Connects a container to the network.
    ///
    /// # Errors
    /// If one of them does not exist, or an address is taken.
    pub fn network_connect(&self, name: &str, request: &api::network::ConnectRequest) -> Result<()> {
        if request.container.trim().is_empty() {
            return Err(nameless("container"));
        }
        self.run(Request::post(path(name, "/connect")).json(request)?)
    }
}
