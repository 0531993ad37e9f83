//! `POST /exec/ID/resize`.

use errdefs::Result;

use crate::query::segment;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Tells the process's terminal its size in characters.
    ///
    /// # Errors
    /// If the process does not run.
    pub fn exec_resize(&self, id: &str, height: u16, width: u16) -> Result<()> {
        let query = Query::new().with("h", height.to_string()).with("w", width.to_string());
        self.run(Request::post(format!("/exec/{}/resize", segment(id))).query(query))
    }
}
