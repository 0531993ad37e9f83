//! `POST /networks/NAME/connect`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::request::Request;

impl Client {
    /// Connects a container to the network.
    ///
    /// # Errors
    /// If one of them does not exist, or an address is taken.
    pub fn network_connect(&self, name: &str, request: &api::network::ConnectRequest) -> Result<()> {
        self.run(Request::post(path(name, "/connect")).json(request)?)
    }
}
