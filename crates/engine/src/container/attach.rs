//! `attach`: checked here, served by the container's shim on the client's own connection (semantics 15 to 19).
//!
//! Before a start the connection is kept and given to the shim at launch, so that no byte of output is missed. The engine
//! itself only writes to a connection what the shim cannot: a replayed log, and the text of a failure.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use errdefs::{Result, conflict, invalid};
use logs::{ReadOptions, Reader, Render};

use super::arrival::Arrival;
use super::shared::{Container, Shared};
use super::state::Phase;
use super::{AttachOptions, Containers};

/// A checked attach: answer the hijack's headers, then hand the connection over by [`Attach::connect`].
pub struct Attach {
    shared: Arc<Shared>,
    container: Arc<Container>,
    options: AttachOptions,
    keys: Vec<u8>,
    /// Until the connection is where it belongs.
    _arrival: Arrival,
}

impl Containers {
    /// Checks an attach.
    ///
    /// # Errors
    /// Conflict if it is paused or restarting; InvalidParameter for detach keys that are none.
    pub fn attach(&self, reference: &str, options: AttachOptions) -> Result<Attach> {
        let container = self.shared.registry.find(reference)?;
        match container.record().state.phase {
            Phase::Paused => {
                return Err(conflict(format!(
                    "container {reference} is paused, unpause the container before attach"
                )));
            }
            Phase::Restarting => {
                return Err(conflict(format!(
                    "container {reference} is restarting, wait until the container is running"
                )));
            }
            _ => {}
        }
        let keys = parse_keys(&options.detach_keys)?;
        let arrival = container.arrivals.expect();
        Ok(Attach { shared: Arc::clone(&self.shared), container, options, keys, _arrival: arrival })
    }
}

/// The bytes of detach keys; empty for the default.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn parse_keys(text: &str) -> Result<Vec<u8>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    shim::keys::parse(text).map_err(|_| invalid(format!("Invalid detach keys ({text}) provided")))
}

impl Attach {
    /// The container has a terminal: the stream is raw.
    pub fn tty(&self) -> bool {
        self.container.record().config.tty
    }

    /// Hands the client's connection over; from here on the container's shim serves it. `initial` are bytes that were
    /// read from it already. Blocks while a log is replayed, not longer. Failures are written into the stream.
    pub fn connect(self, stream: OwnedFd, initial: Vec<u8>) {
        let Ok(copy) = stream.try_clone() else { return };
        let framed = !self.tty() && !self.options.raw;
        if let Err(error) = self.hand_over(stream, initial, framed) {
            let text = format!("Error attaching: {error}\n");
            let mut bytes = Vec::new();
            if framed {
                api::stream::frame(api::stream::Stream::Stderr, text.as_bytes(), &mut bytes);
            } else {
                bytes.extend_from_slice(text.as_bytes());
            }
            // The client may be gone, then there is nobody to tell.
            let _ = File::from(copy).write_all(&bytes);
        }
    }

    fn hand_over(self, stream: OwnedFd, initial: Vec<u8>, framed: bool) -> Result<()> {
        let record = self.container.record();
        let options = &self.options;
        self.shared.tell(&record, "attach", &[]);
        if options.logs {
            let mut copy = File::from(stream.try_clone()?);
            replay(&self.shared, &record, options, framed, &mut copy)?;
        }
        if !options.stream {
            return Ok(());
        }
        let wanted = shim::AttachOptions {
            stdin: options.stdin && record.config.open_stdin,
            stdout: options.stdout,
            stderr: options.stderr,
            multiplexed: framed,
            detach_keys: self.keys,
            initial,
        };
        let mut live = self.container.live.lock();
        match live.handle.clone() {
            Some(handle) => {
                drop(live);
                match handle.attach(stream, wanted) {
                    // It has just ended: an attach to an ended container is a closed stream.
                    Err(error) if error.class() == errdefs::Class::Conflict => Ok(()),
                    result => result,
                }
            }
            // Docker lets a client attach to a container that has ended, and wait for its next start.
            None => {
                live.pending.push((stream, wanted));
                Ok(())
            }
        }
    }
}

fn replay(
    shared: &Shared,
    record: &super::record::Record,
    options: &AttachOptions,
    framed: bool,
    out: &mut File,
) -> Result<()> {
    let config = super::log::to_read(shared, record)?;
    let mut reader = Reader::open(&config, ReadOptions::default())?;
    let mut render = Render::new(framed);
    (render.stdout, render.stderr) = (options.stdout, options.stderr);
    let mut piece = Vec::new();
    loop {
        let more = reader.fill(&render, &mut piece)?;
        out.write_all(&piece)?;
        piece.clear();
        if !more {
            return Ok(());
        }
    }
}
