//! The writing half of a log: bytes of a container in, records in files out, and never an error.
//!
//! Invariants: records reach the file whole and in the order they were read; one clock reading and (up to
//! [`BATCH`]) one `write` serve a whole read; a write the disk refuses is counted in [`Stats`] and dropped, because a
//! container must not stop for its log (moby#22502).

use errdefs::Result;

use crate::batch::Batch;
use crate::config::{Driver, WriterConfig};
use crate::encode::{self, Json};
use crate::file::LogFile;
use crate::split::{Part, Piece, Splitter};
use crate::{Stream, Time};

/// Encoded bytes gathered before they are written: large enough to make the call's cost vanish, small enough that a
/// shim under load stays small and the bytes stay in the processor's cache.
const BATCH: usize = 128 * 1024;

/// What a writer has done, for `inspect` and the logs of the shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Stats {
    /// Records written.
    pub records: u64,
    /// Records lost because the disk refused them.
    pub lost: u64,
    /// Writes that failed.
    pub write_errors: u64,
}

/// Writes one container's log.
#[derive(Debug)]
pub struct Writer {
    sink: Option<Sink>,
    stdout: Splitter,
    stderr: Splitter,
    stats: Stats,
}

#[derive(Debug)]
struct Sink {
    file: LogFile,
    format: Format,
    batch: Batch,
    /// Records in `batch`.
    pending: u64,
}

#[derive(Debug)]
enum Format {
    Json(Json),
    Local { line_id: String, lines: u64, record: Vec<u8> },
}

impl Writer {
    /// Opens the log for appending, repairing the tail that a crash may have torn.
    ///
    /// # Errors
    /// `System` if the file cannot be opened.
    pub fn open(config: &WriterConfig) -> Result<Self> {
        let format = match config.driver {
            Driver::None => None,
            Driver::JsonFile => Some(Format::Json(Json::new(&config.attrs))),
            Driver::Local => Some(Format::Local { line_id: String::new(), lines: 0, record: Vec::new() }),
        };
        let sink = match format {
            None => None,
            Some(format) => {
                let file = LogFile::open(config)?;
                Some(Sink { file, format, batch: Batch::default(), pending: 0 })
            }
        };
        Ok(Self { sink, stdout: Splitter::default(), stderr: Splitter::default(), stats: Stats::default() })
    }

    /// Logs what was read from `stream` at `now`; all complete lines are in the file when this returns.
    pub fn write(&mut self, stream: Stream, data: &[u8], now: Time) {
        let Self { sink: Some(sink), stdout, stderr, stats } = self else { return };
        let splitter = if stream == Stream::Stdout { stdout } else { stderr };
        let mut rest = data;
        while !rest.is_empty() {
            if splitter.between_lines() {
                rest = &rest[sink.plain_lines(stream, rest, now, stats)..];
            }
            if !rest.is_empty() {
                rest = &rest[splitter.step(rest, now, &mut |piece| sink.record(stream, piece, stats))..];
            }
        }
        sink.flush(stats);
    }

    /// The stream has ended: logs what stands without a newline.
    pub fn end(&mut self, stream: Stream, now: Time) {
        let Self { sink: Some(sink), stdout, stderr, stats } = self else { return };
        let splitter = if stream == Stream::Stdout { stdout } else { stderr };
        splitter.end(now, &mut |piece| sink.record(stream, piece, stats));
        sink.flush(stats);
    }

    /// Output was lost in the middle of a line: what has been gathered of it is not logged, so that no line is made of
    /// two halves.
    pub fn gap(&mut self, stream: Stream) {
        let splitter = if stream == Stream::Stdout { &mut self.stdout } else { &mut self.stderr };
        self.stats.lost += u64::from(splitter.forget());
    }

    /// Whether there are rotated files to be given to [`compress`](crate::compress()), in another process. Each is told of
    /// once; a fresh writer tells of what an earlier one may have left.
    pub fn take_rotated(&mut self) -> bool {
        self.sink.as_mut().is_some_and(|sink| sink.file.take_rotated())
    }

    /// Gives back the memory that a burst of output left behind.
    pub fn trim(&mut self) {
        if let Some(sink) = &mut self.sink {
            sink.batch = Batch::default();
        }
    }

    /// What has been written and lost.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}

impl Sink {
    /// Takes the lines that `data` begins with as long as they are whole and are logged as they are; how many bytes that
    /// were.
    fn plain_lines(&mut self, stream: Stream, data: &[u8], now: Time, stats: &mut Stats) -> usize {
        let mut taken = 0;
        while taken < data.len() {
            self.make_room(stats);
            let Format::Json(json) = &mut self.format else { break };
            let Some(len) = json.plain_line(stream, &data[taken..], now, &mut self.batch) else { break };
            taken += len + 1;
            self.pending += 1;
        }
        taken
    }

    fn record(&mut self, stream: Stream, piece: Piece<'_>, stats: &mut Stats) {
        self.make_room(stats);
        match &mut self.format {
            Format::Json(json) => json.record(stream, piece, &mut self.batch),
            Format::Local { line_id, lines, record } => {
                if piece.part == Part::More(1) {
                    *lines += 1;
                    *line_id = format!("{:x}-{lines:x}", piece.time.0);
                }
                record.clear();
                encode::local(stream, piece, line_id, record);
                self.batch.put(record);
            }
        }
        self.pending += 1;
    }

    /// Docker rotates before the first record that finds the file full, so a batch must end there.
    fn make_room(&mut self, stats: &mut Stats) {
        let room = self.file.room().map_or(BATCH, |room| usize::try_from(room).unwrap_or(BATCH).min(BATCH));
        if self.batch.len() >= room.max(1) {
            self.flush(stats);
        }
    }

    fn flush(&mut self, stats: &mut Stats) {
        if self.batch.is_empty() {
            return;
        }
        match self.file.append(self.batch.bytes()) {
            Ok(()) => stats.records += self.pending,
            Err(_) => {
                stats.lost += self.pending;
                stats.write_errors += 1;
            }
        }
        self.pending = 0;
        self.batch.clear();
    }
}

#[cfg(test)]
mod tests;
