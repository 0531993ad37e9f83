//! `GET /containers/ID/logs`.

use errdefs::Result;

use super::path;
use crate::http::Body;
use crate::request::Request;
use crate::{Client, Query};

/// Which log lines, and in what form.
#[derive(Debug, Clone, Default)]
pub struct Logs {
    /// Lines from then on: `seconds[.nanoseconds]`.
    pub since: String,
    /// Lines until then: `seconds[.nanoseconds]`.
    pub until: String,
    /// With the time before each line.
    pub timestamps: bool,
    /// With what the log driver was told to add.
    pub details: bool,
    /// Go on with new lines.
    pub follow: bool,
    /// So many lines from the end; `all` for all.
    pub tail: String,
}

impl Client {
    /// The container's log: multiplexed, or raw if it has a terminal.
    ///
    /// # Errors
    /// If the container does not exist or its log cannot be read.
    pub fn container_logs(&self, id: &str, options: &Logs) -> Result<Body> {
        let query = Query::new()
            .with("stdout", "1")
            .with("stderr", "1")
            .maybe("since", &options.since)
            .maybe("until", &options.until)
            .flag("timestamps", options.timestamps)
            .flag("details", options.details)
            .flag("follow", options.follow)
            .with("tail", &options.tail);
        Ok(self.send(Request::get(path(id, "/logs")).query(query))?.1)
    }
}
