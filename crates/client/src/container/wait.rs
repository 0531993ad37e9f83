//! `POST /containers/ID/wait`.

use errdefs::{Context, Result};

use super::path;
use crate::http::Body;
use crate::request::Request;
use crate::{Client, Query};

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitCondition {
    /// That it does not run; at once if it does not now.
    NotRunning,
    /// Its next end, even if it has not been started yet.
    NextExit,
    /// Its removal.
    Removed,
}

impl WaitCondition {
    fn word(self) -> &'static str {
        match self {
            Self::NotRunning => "not-running",
            Self::NextExit => "next-exit",
            Self::Removed => "removed",
        }
    }
}

/// A wait that the engine has noted: from here on no end is missed.
#[derive(Debug)]
pub struct Waiting(Body);

impl Waiting {
    /// Waits for the end.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn finish(mut self) -> Result<api::container::WaitResponse> {
        const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
        let bytes = self.0.read_all(ANSWER_BYTES_MAX)?;
        serde_json::from_slice(&bytes).context(|| "decode answer")
    }
}

impl Client {
    /// Begins to wait; returns when the engine has noted it.
    ///
    /// # Errors
    /// If the container does not exist.
    pub fn container_wait(&self, id: &str, condition: WaitCondition) -> Result<Waiting> {
        let query = Query::new().with("condition", condition.word());
        Ok(Waiting(self.send(Request::post(path(id, "/wait")).query(query))?.1))
    }
}
