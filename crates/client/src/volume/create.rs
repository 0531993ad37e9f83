//! `POST /volumes/create`.

use errdefs::Result;

use crate::Client;
use crate::request::Request;

impl Client {
    /// Creates a volume, or gives the one of that name and driver.
    ///
    /// # Errors
    /// If the name is malformed or taken by another driver's.
    pub fn volume_create(&self, request: &api::volume::CreateRequest) -> Result<api::volume::Volume> {
        self.fetch(Request::post("/volumes/create").json(request)?)
    }
}
