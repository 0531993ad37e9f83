//! `POST /containers/ID/update`.

use errdefs::Result;

use super::path;
use crate::Client;
use crate::request::Request;

impl Client {
    /// Changes limits and restart policy; gives the engine's warnings.
    ///
    /// # Errors
    /// If the container does not exist or a value is refused.
    pub fn container_update(&self, id: &str, request: &api::container::UpdateRequest) -> Result<Vec<String>> {
        let answer: api::container::UpdateResponse =
            self.fetch(Request::post(path(id, "/update")).json(request)?)?;
        Ok(answer.warnings.unwrap_or_default())
    }
}
