//! `POST /containers/ID/resize`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Tells the container's terminal its size in characters.
    ///
    /// # Errors
    /// If the container does not run.
    pub fn container_resize(&self, id: &str, height: u16, width: u16) -> Result<()> {
        let query = Query::new().with("h", height.to_string()).with("w", width.to_string());
        self.run(Request::post(path(id, "/resize")).query(query))
    }
}
