//! `POST /networks/NAME/disconnect`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::request::{Request, nameless};

impl Client {
    /// Disconnects a container from the network.
    ///
    /// # Errors
    /// If one of them does not exist, or they are not connected.
    pub fn network_disconnect(&self, name: &str, container: &str, force: bool) -> Result<()> {
        if container.trim().is_empty() {
            return Err(nameless("container"));
        }
        let request = api::network::DisconnectRequest { container: container.to_owned(), force };
        self.run(Request::post(path(name, "/disconnect")).json(&request)?)
    }
}
