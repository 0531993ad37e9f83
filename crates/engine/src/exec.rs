//! Extra processes in running containers: the handle.

use std::os::fd::OwnedFd;

use api::exec::{CreateRequest, InspectResponse, StartRequest};
use errdefs::Result;

/// All execs of this daemon. Clones share everything.
#[derive(Clone)]
pub struct Execs {}

/// A checked start: answer the hijack's headers, then hand the connection over.
pub struct Start {}

impl Start {
    /// The process has a terminal: the stream is raw.
    pub fn tty(&self) -> bool {
        todo!("exec start")
    }

    /// Runs it with the client's connection as its input and output; the container's shim serves it from here on.
    /// Failures are written into the stream.
    pub fn connect(self, _stream: OwnedFd, _initial: Vec<u8>) {
        todo!("exec start")
    }
}

#[expect(unused_variables, reason = "the interface is landed before its bodies")]
impl Execs {
    /// Makes one; gives its ID.
    ///
    /// # Errors
    /// NotFound; Conflict if the container does not run or is paused; InvalidParameter for users that do not exist.
    pub fn create(&self, container: &str, request: CreateRequest) -> Result<String> {
        todo!("exec create")
    }

    /// Starts one without a connection.
    ///
    /// # Errors
    /// NotFound; Conflict if it was started before; what hinders it, in Docker's words.
    pub fn start_detached(&self, id: &str, request: &StartRequest) -> Result<()> {
        todo!("exec start")
    }

    /// Checks a start that is to be attached. `raw` as in [`crate::container::AttachOptions`].
    ///
    /// # Errors
    /// NotFound; Conflict if it was started before.
    pub fn start(&self, id: &str, request: &StartRequest) -> Result<Start> {
        todo!("exec start")
    }

    /// Everything about one.
    ///
    /// # Errors
    /// NotFound.
    pub fn inspect(&self, id: &str) -> Result<InspectResponse> {
        todo!("exec inspect")
    }

    /// Sets the size of its terminal; waits up to ten seconds for it to start.
    ///
    /// # Errors
    /// NotFound; Conflict if it does not run.
    pub fn resize(&self, id: &str, height: u32, width: u32) -> Result<()> {
        todo!("exec resize")
    }
}
