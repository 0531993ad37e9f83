//! `POST`, `GET` and `DELETE /containers/ID/checkpoints`: an experimental part of Docker's API.

use api::container::{Checkpoint, CheckpointRequest};
use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Writes the processes of the container to disk.
    ///
    /// # Errors
    /// If the engine cannot do that.
    pub fn checkpoint_create(&self, id: &str, request: &CheckpointRequest) -> Result<()> {
        self.run(Request::post(path(id, "/checkpoints")).json(request)?)
    }

    /// The checkpoints of the container, in a directory of their own if it is named.
    ///
    /// # Errors
    /// If the container does not exist.
    pub fn checkpoint_list(&self, id: &str, dir: &str) -> Result<Vec<Checkpoint>> {
        self.fetch(Request::get(path(id, "/checkpoints")).query(Query::new().maybe("dir", dir)))
    }

    /// Removes a checkpoint.
    ///
    /// # Errors
    /// If the container or the checkpoint does not exist.
    pub fn checkpoint_remove(&self, id: &str, checkpoint: &str, dir: &str) -> Result<()> {
        let path = path(id, &format!("/checkpoints/{}", crate::query::segment(checkpoint)));
        self.run(Request::delete(path).query(Query::new().maybe("dir", dir)))
    }
}
