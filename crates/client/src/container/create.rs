//! `POST /containers/create`.

use errdefs::Result;

use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Creates a container; `name` and `platform` may be empty.
    ///
    /// # Errors
    /// `NotFound` if the image is not there, `Conflict` if the name is taken, else what the engine dislikes.
    pub fn container_create(
        &self,
        request: &api::container::CreateRequest,
        name: &str,
        platform: &str,
    ) -> Result<api::container::CreateResponse> {
        let query = Query::new().maybe("name", name).maybe("platform", platform);
        self.fetch(Request::post("/containers/create").query(query).json(request)?)
    }
}
