//! One layer on its way in: network → hash and file → inflate → unpack, each stage at its own pace.
//!
//! The compressed bytes are hashed as they are written by `content`, the plain ones as they are unpacked by the host;
//! neither result becomes visible before its digest is right. Between the network and the inflater stands a bounded
//! queue of chunks, so a slow disk holds the network back and memory stays at about a megabyte a layer.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use content::{Content, Ingest};
use errdefs::{Context, Error, Result};
use oci::digest::Digest;
use oci::manifest::Descriptor;

use crate::blob::{BlobReader, unwrap_io};
use crate::compression::decompress;
use crate::limits;
use crate::progress::{Event, Meter, Progress, Status};
use crate::pull::Host;
use crate::session::Session;

/// A layer to fetch.
pub(crate) struct Layer<'a> {
    pub(crate) blob: &'a Descriptor,
    pub(crate) diff_id: Digest,
    pub(crate) content: &'a Content,
    pub(crate) host: &'a dyn Host,
    pub(crate) progress: &'a dyn Progress,
}

impl Layer<'_> {
    fn say(&self, status: Status) {
        self.progress.emit(Event { id: self.blob.digest.short(), status });
    }

    /// Fetches what is missing of the layer and unpacks it.
    pub(crate) fn fetch(&self, session: &Session<'_>) -> Result<()> {
        // Waits while another pull fetches the same blob; then it is simply here.
        let ingest = self.content.ingest(&self.blob.digest.to_string())?;
        if self.content.has(&self.blob.digest)? {
            drop(ingest);
            self.say(Status::DownloadComplete);
            return self.unpack_kept();
        }
        let whole = ingest.offset() == 0;
        let large = i64::try_from(self.blob.size).is_ok_and(|size| size >= limits::PIPELINE_MIN);
        if whole && large {
            return self.stream(session, ingest);
        }
        self.download(session, ingest)?;
        self.unpack_kept()
    }

    /// Downloads the rest of the blob; of a part that does not fit, all of it once more.
    fn download(&self, session: &Session<'_>, mut ingest: Ingest) -> Result<()> {
        if ingest.offset() > self.blob.size {
            ingest.reset()?;
        }
        let mut meter = self.meter(Status::Downloading);
        meter.add(ingest.offset());
        let mut reader = self.reader(session, ingest.offset());
        let mut chunk = vec![0; limits::PIPE_CHUNK];
        loop {
            let count = reader.read(&mut chunk).map_err(unwrap_io)?;
            if count == 0 {
                break;
            }
            ingest.write_all(&chunk[..count]).context(|| format!("write content {}", self.blob.digest))?;
            meter.add(count as u64);
        }
        self.commit(ingest)
    }

    /// Checks the compressed bytes and keeps them.
    fn commit(&self, ingest: Ingest) -> Result<()> {
        self.say(Status::VerifyingChecksum);
        let digest = ingest.digest();
        if digest != self.blob.digest {
            ingest.abort()?;
            return Err(errdefs::system(format!(
                "filesystem layer verification failed for digest {}",
                self.blob.digest
            )));
        }
        ingest.commit(&self.blob.digest, Some(self.blob.size))?;
        self.say(Status::DownloadComplete);
        Ok(())
    }

    fn reader<'s>(&'s self, session: &'s Session<'s>, offset: u64) -> BlobReader<'s> {
        BlobReader::new(session, self.blob, offset, |seconds| self.say(Status::Retrying { seconds }))
    }

    fn meter(&self, make: fn(u64, u64) -> Status) -> Meter<'_> {
        Meter::new(self.progress, &self.blob.digest.short(), self.blob.size, make)
    }

    /// Unpacks a blob that is in `content`.
    fn unpack_kept(&self) -> Result<()> {
        if self.host.unpacked(&self.diff_id)? {
            self.say(Status::PullComplete);
            return Ok(());
        }
        let source = Metered {
            source: self.content.open_verified(&self.blob.digest)?,
            meter: self.meter(Status::Extracting),
        };
        self.host.apply(&self.diff_id, &mut *decompress(source)?).map_err(|error| self.failed(error))?;
        self.say(Status::PullComplete);
        Ok(())
    }

    /// Downloads and unpacks at the same time.
    fn stream(&self, session: &Session<'_>, mut ingest: Ingest) -> Result<()> {
        let (full_sender, full) = sync_channel(limits::PIPE_DEPTH);
        let (empty_sender, empty) = channel();
        let downloaded = AtomicBool::new(false);
        let (downloading, unpacking) = std::thread::scope(|scope| {
            let unpacker = scope.spawn(|| {
                let chunks = Chunks { full, empty: empty_sender, chunk: Vec::new(), at: 0 };
                let meter = self.meter(Status::Extracting);
                let source = Extracting { chunks, meter, downloaded: &downloaded };
                self.host.apply(&self.diff_id, &mut *decompress(source)?)
            });
            let downloading = self.feed(session, &mut ingest, full_sender, &empty);
            let downloading = downloading.and_then(|()| self.commit(ingest));
            downloaded.store(true, Ordering::Relaxed);
            let unpacking =
                unpacker.join().unwrap_or_else(|_| Err(errdefs::system("the unpacking thread panicked")));
            (downloading, unpacking)
        });
        // A damaged download fails in both; what came over the network is then the cause.
        downloading?;
        unpacking.map_err(|error| self.failed(error))?;
        self.say(Status::PullComplete);
        Ok(())
    }

    /// Reads the blob into `ingest` and hands the chunks on. When nobody takes them any more the download still runs
    /// to its end: only the digest can tell whether the bytes or the unpacking was at fault.
    fn feed(
        &self,
        session: &Session<'_>,
        ingest: &mut Ingest,
        full: SyncSender<Result<Vec<u8>, ()>>,
        empty: &Receiver<Vec<u8>>,
    ) -> Result<()> {
        let mut meter = self.meter(Status::Downloading);
        let mut reader = self.reader(session, 0);
        let mut wanted = true;
        loop {
            let mut chunk = empty.try_recv().unwrap_or_default();
            chunk.resize(limits::PIPE_CHUNK, 0);
            let count = fill(&mut reader, &mut chunk).and_then(|count| {
                ingest.write_all(&chunk[..count])?;
                Ok(count)
            });
            let count = match count {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => {
                    // Without this the unpacker would take the cut for the end.
                    let _ = full.send(Err(()));
                    return Err(unwrap_io(error));
                }
            };
            meter.add(count as u64);
            chunk.truncate(count);
            wanted = wanted && full.send(Ok(chunk)).is_ok();
        }
    }

    fn failed(&self, error: Error) -> Error {
        error.context(format!("failed to register layer {}", self.blob.digest.short()))
    }
}

/// Reads until `chunk` is full or the stream ends.
fn fill(reader: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < chunk.len() {
        match reader.read(&mut chunk[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// The unpacker's end of the queue; gives used chunks back.
struct Chunks {
    full: Receiver<Result<Vec<u8>, ()>>,
    empty: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            match self.full.recv() {
                Ok(Ok(next)) => {
                    let used = std::mem::replace(&mut self.chunk, next);
                    self.at = 0;
                    let _ = self.empty.send(used);
                }
                Ok(Err(())) => return Err(io::Error::other("the download failed")),
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.chunk.len() - self.at);
        buffer[..count].copy_from_slice(&self.chunk[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Counts what is read.
struct Metered<'a, R> {
    source: R,
    meter: Meter<'a>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.meter.add(count as u64);
        Ok(count)
    }
}

/// Counts what is read, but says so only once the download is over: a line shows one bar.
struct Extracting<'a> {
    chunks: Chunks,
    meter: Meter<'a>,
    downloaded: &'a AtomicBool,
}

impl Read for Extracting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.chunks.read(buffer)?;
        if self.downloaded.load(Ordering::Relaxed) {
            self.meter.add(count as u64);
        } else {
            self.meter.add_silently(count as u64);
        }
        Ok(count)
    }
}
