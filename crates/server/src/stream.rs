//! Long answers made by synchronous code: progress messages, archives, exports.
//!
//! The status is decided by the first byte: work that fails before it wrote anything answers with its error's status,
//! afterwards the error can only be told in the stream (semantics 10).

use std::io;

use api::image::{ErrorDetail, ProgressMessage};
use bytes::Bytes;
use errdefs::{Error, Result};
use hyper::StatusCode;
use tokio::sync::mpsc;

use crate::body::Body;
use crate::inflow::Inflow;
use crate::response::{self, Answer};

/// Pieces on their way to the client before the producer has to wait.
const PIECES: usize = 8;
/// Bytes collected into one piece of an archive.
const PIECE: usize = 64 << 10;

/// How a failure after the first byte is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// By a line `{"errorDetail":...}`.
    Progress,
    /// The same, and not only late: the status is always 200.
    InStream,
    /// Not at all but by the stream's sudden end.
    CutOff,
}

/// Where the work writes to; a client that is gone is a broken pipe.
pub(crate) struct Sink {
    channel: mpsc::Sender<Bytes>,
    buffer: Vec<u8>,
    /// Hand on each write at once.
    eager: bool,
    /// The status is decided.
    begun: bool,
}

impl Sink {
    /// Sends one JSON line.
    ///
    /// # Errors
    /// Cancelled if the client is gone.
    pub(crate) fn line(&mut self, value: &impl serde::Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.buffer, value).map_err(|error| errdefs::system(error.to_string()))?;
        self.buffer.extend_from_slice(b"\r\n");
        self.send().map_err(|_| errdefs::cancelled("context canceled"))
    }

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.begun = true;
        self.channel.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.eager || self.buffer.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// Runs `work` on a blocking thread and answers with what it writes.
pub(crate) async fn produce(
    content_type: &'static str,
    late: Late,
    work: impl FnOnce(&mut Sink) -> Result<()> + Send + 'static,
) -> Answer {
    let (channel, mut pieces) = mpsc::channel(PIECES);
    let done = tokio::task::spawn_blocking(move || {
        let mut sink =
            Sink { channel, buffer: Vec::new(), eager: late != Late::CutOff, begun: late == Late::InStream };
        match work(&mut sink) {
            Ok(()) => sink.send().map_err(Error::from),
            Err(error) if late != Late::CutOff && sink.begun => {
                // The failure of the client's own going away has nobody to be told to.
                let _ = sink.line(&failure(&error));
                Err(error)
            }
            Err(error) => Err(error),
        }
    });
    match pieces.recv().await {
        Some(first) => {
            drop(tokio::spawn(log_late(done, late)));
            Ok(response::with(StatusCode::OK, content_type, Body::Stream(first, pieces)))
        }
        None => match done.await {
            Ok(Ok(())) => Ok(response::with(StatusCode::OK, content_type, Body::empty())),
            Ok(Err(error)) => Err(error),
            Err(panic) => Err(crate::service::panicked(&panic)),
        },
    }
}

/// A cut-off stream tells the client nothing, so the log has to.
async fn log_late(done: tokio::task::JoinHandle<Result<()>>, late: Late) {
    match done.await {
        Ok(Err(error)) if late == Late::CutOff => tracing::warn!(%error, "answer cut off"),
        Ok(_) => {}
        Err(panic) => tracing::error!(%panic, "handler panicked in its stream"),
    }
}

fn failure(error: &Error) -> ProgressMessage {
    let message = error.to_string();
    ProgressMessage {
        error_detail: Some(ErrorDetail { code: 0, message: message.clone() }),
        error: message,
        ..ProgressMessage::default()
    }
}

/// A request's body as synchronous code reads it, with a task that feeds it.
pub(crate) struct Upload {
    pieces: mpsc::Receiver<Result<Bytes>>,
    current: Bytes,
}

impl Upload {
    /// Takes the body over.
    pub(crate) fn new(mut body: Inflow) -> Self {
        let (channel, pieces) = mpsc::channel(PIECES);
        tokio::spawn(async move {
            while let Some(piece) = body.piece().await.transpose() {
                let end = piece.is_err();
                if channel.send(piece).await.is_err() || end {
                    break;
                }
            }
        });
        Self { pieces, current: Bytes::new() }
    }

    /// Reads to the end: what follows an archive's last entry is padding, and a client that still writes it must not
    /// see a broken pipe.
    ///
    /// # Errors
    /// If the client breaks off.
    pub(crate) fn drain(&mut self) -> Result<()> {
        self.current.clear();
        while let Some(piece) = self.pieces.blocking_recv() {
            piece?;
        }
        Ok(())
    }
}

impl io::Read for Upload {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.current = piece.map_err(io::Error::other)?,
            }
        }
        let length = out.len().min(self.current.len());
        out[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
