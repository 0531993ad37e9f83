//! `POST /networks/create`.

use errdefs::Result;

use crate::Client;
use crate::request::Request;

impl Client {
    /// Creates a network.
    ///
    /// # Errors
    /// If the name is taken or an address range overlaps.
    pub fn network_create(
        &self,
        request: &api::network::CreateRequest,
    ) -> Result<api::network::CreateResponse> {
        self.fetch(Request::post("/networks/create").json(request)?)
    }
}
