//! `logs`: the log files, rendered on a thread of its own into pieces for the server (semantics 28 to 31).

use ::logs::{Follow, ReadOptions, Reader, Render, Signal, Time};
use bytes::Bytes;
use errdefs::{Result, invalid};
use tokio::sync::mpsc;

use super::{Containers, LogsOptions};

/// Pieces of about 128 KiB that may wait for a slow client.
const AHEAD: usize = 4;

/// A log on its way: pieces of bytes, framed already unless there is a terminal.
pub struct LogStream {
    /// The container has a terminal: the stream is raw.
    pub tty: bool,
    /// The pieces. An error ends the stream.
    pub pieces: Pieces,
}

/// The pieces of a log. Dropping this ends the thread that reads them, also while it waits for more log.
pub struct Pieces {
    receiver: mpsc::Receiver<Result<Bytes>>,
    cancelled: Signal,
}

impl Pieces {
    /// The next piece; `None` at the end.
    pub async fn recv(&mut self) -> Option<Result<Bytes>> {
        self.receiver.recv().await
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.cancelled.set();
    }
}

impl Containers {
    /// Reads its log.
    ///
    /// # Errors
    /// InvalidParameter if neither stream is wanted; NotImplemented if its log driver cannot read.
    pub fn logs(&self, reference: &str, options: LogsOptions) -> Result<LogStream> {
        if !options.stdout && !options.stderr {
            return Err(invalid("Bad parameters: you must choose at least one stream"));
        }
        let container = self.shared.registry.find(reference)?;
        let record = container.record();
        let config = super::log::to_read(&self.shared, &record)?;
        let time = |at: jiff::Timestamp| Time(i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX));
        let cancelled = Signal::new()?;
        let ended = container.live.lock().log_ended.clone();
        let follow = match ended {
            Some(ended) if options.follow => Some(Follow { ended, cancelled: cancelled.clone() }),
            // A container that does not run writes nothing more (semantics 30).
            _ => None,
        };
        let read = ReadOptions {
            tail: options.tail,
            since: options.since.map(time),
            until: options.until.map(time),
            follow,
            from: None,
        };
        let reader = Reader::open(&config, read)?;
        let tty = record.config.tty;
        let mut render = Render::new(!tty);
        (render.stdout, render.stderr) = (options.stdout, options.stderr);
        (render.timestamps, render.details) = (options.timestamps, options.details);
        let (sender, receiver) = mpsc::channel(AHEAD);
        crate::background("logs", move || pump(reader, &render, &sender));
        Ok(LogStream { tty, pieces: Pieces { receiver, cancelled } })
    }
}

fn pump(mut reader: Reader, render: &Render, sender: &mpsc::Sender<Result<Bytes>>) {
    loop {
        let mut piece = Vec::new();
        let more = reader.fill(render, &mut piece);
        if !piece.is_empty() && sender.blocking_send(Ok(piece.into())).is_err() {
            return;
        }
        match more {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                let _ = sender.blocking_send(Err(error));
                return;
            }
        }
    }
}
