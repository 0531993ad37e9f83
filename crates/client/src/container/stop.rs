//! `POST /containers/ID/stop`.

use errdefs::Result;

use super::path;
use crate::request::Request;
use crate::{Client, Query};

impl Client {
    /// Ends the container's process with `signal` (its own if empty), and by force after `timeout` seconds
    /// (its own if none, -1 for never).
    ///
    /// # Errors
    /// If the container does not exist or the signal is unknown.
    pub fn container_stop(&self, id: &str, signal: &str, timeout: Option<i64>) -> Result<()> {
        let mut query = Query::new().maybe("signal", signal);
        if let Some(timeout) = timeout {
            query = query.with("t", timeout.to_string());
        }
        self.run(Request::post(path(id, "/stop")).query(query))
    }
}
