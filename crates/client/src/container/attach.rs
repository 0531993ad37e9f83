//! `POST /containers/ID/attach`.

use errdefs::Result;

use super::path;
use crate::hijack::Session;
use crate::request::Request;
use crate::{Client, Query};

/// What of a container to attach to.
#[derive(Debug, Clone, Default)]
pub struct Attach {
    /// Its standard input.
    pub stdin: bool,
    /// Its standard output.
    pub stdout: bool,
    /// Its standard error.
    pub stderr: bool,
    /// First what it has written so far.
    pub logs: bool,
    /// The keys that end the session; the engine's if empty.
    pub detach_keys: String,
}

impl Client {
    /// Joins the container's standard streams.
    ///
    /// # Errors
    /// If the container does not exist or is paused.
    pub fn container_attach(&self, id: &str, options: &Attach) -> Result<Session> {
        let query = Query::new()
            .with("stream", "1")
            .flag("stdin", options.stdin)
            .flag("stdout", options.stdout)
            .flag("stderr", options.stderr)
            .flag("logs", options.logs)
            .maybe("detachKeys", &options.detach_keys);
        self.hijack(Request::post(path(id, "/attach")).query(query))
    }
}
