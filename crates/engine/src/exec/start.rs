//! Starting an exec: once, with or without a client's connection.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use api::exec::StartRequest;
use api::stream::{Stream, frame};
use errdefs::{Result, conflict};

use super::{Exec, Execs, size_of};
use crate::container::shared::Shared;
use crate::container::state::Phase;

/// A checked start: answer the hijack's headers, then hand the connection over.
pub struct Start {
    shared: Arc<Shared>,
    exec: Arc<Exec>,
    size: Option<(u16, u16)>,
    framed: bool,
}

impl Execs {
    /// Starts one without a connection.
    ///
    /// # Errors
    /// NotFound; Conflict if it was started before; what hinders it, in Docker's words.
    pub fn start_detached(&self, id: &str, request: &StartRequest) -> Result<()> {
        let exec = self.check(id)?;
        self.shared.run_exec(&exec, None, size_of(request, &exec.request), false)
    }

    /// Checks a start that is to be attached. Whether the output comes in frames is what this request says of a terminal,
    /// not what the exec was made with: clients read the stream by what they have just asked for.
    ///
    /// # Errors
    /// NotFound; Conflict if it was started before.
    pub fn start(&self, id: &str, request: &StartRequest) -> Result<Start> {
        let exec = self.check(id)?;
        let size = size_of(request, &exec.request);
        Ok(Start { shared: Arc::clone(&self.shared), exec, size, framed: !request.tty })
    }

    fn check(&self, id: &str) -> Result<Arc<Exec>> {
        let exec = self.find(id)?;
        match exec.container.record().state.phase {
            Phase::Running => {}
            Phase::Paused => {
                return Err(conflict(format!(
                    "container {} is paused, unpause the container before exec",
                    exec.container.id
                )));
            }
            _ => return Err(exec.container.not_running()),
        }
        exec.claim()?;
        Ok(exec)
    }
}

impl Start {
    /// Runs it with the client's connection as its input and output; the container's shim serves it from here on.
    /// Failures are written into the stream.
    pub fn connect(self, stream: OwnedFd, initial: Vec<u8>) {
        let framed = self.framed;
        let Ok(copy) = stream.try_clone() else { return };
        if let Err(error) = self.shared.run_exec(&self.exec, Some((stream, initial)), self.size, framed) {
            let text = format!("{error}\r\n");
            let mut bytes = Vec::new();
            if framed {
                frame(Stream::Stdout, text.as_bytes(), &mut bytes);
            } else {
                bytes.extend_from_slice(text.as_bytes());
            }
            // The client may be gone, then there is nobody to tell.
            let _ = File::from(copy).write_all(&bytes);
        }
    }
}
