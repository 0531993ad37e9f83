//! `POST /containers/ID/exec`.

use errdefs::Result;

use crate::Client;
use crate::query::segment;
use crate::request::Request;

impl Client {
    /// Prepares a process in the container; gives its ID.
    ///
    /// # Errors
    /// If the container does not exist or does not run.
    pub fn exec_create(&self, container: &str, request: &api::exec::CreateRequest) -> Result<String> {
        let path = format!("/containers/{}/exec", segment(container));
        let answer: api::exec::CreateResponse = self.fetch(Request::post(path).json(request)?)?;
        Ok(answer.id)
    }
}
