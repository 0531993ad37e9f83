//! `POST /containers/ID/start`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Starts the container, from a checkpoint if one is named. Starting a running one is no error.
    ///
    /// # Errors
    /// If the container does not exist or its process cannot be started; the text says why, and the exit code of
    /// `run` is chosen by it.
    pub fn container_start(&self, id: &str, checkpoint: &str, checkpoint_dir: &str) -> Result<()> {
        let query = Query::new().maybe("checkpoint", checkpoint).maybe("checkpoint-dir", checkpoint_dir);
        self.run(Request::post(path(id, "/start")).query(query))
    }
}
