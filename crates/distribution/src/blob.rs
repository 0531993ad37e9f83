//! Reading one blob over as many connections as it takes.
//!
//! A connection that breaks in the middle is followed by one that asks for the rest, so the reader above sees one
//! unbroken stream; what arrives is checked by its digest there, not here. Attempts are counted only while nothing
//! arrives: a link that dies once a minute still finishes a large layer.

use std::io::{self, Read};

use errdefs::Error;
use oci::digest::Digest;
use oci::manifest::Descriptor;
use ureq::BodyReader;
use ureq::http::Method;

use crate::failure::{self, Failure};
use crate::session::{Call, Session};

/// A connection that brought at least so many bytes makes the next failure count as the first one again.
const PROGRESS_MIN: u64 = 64 << 10;

/// The bytes of a blob from an offset to its end, and never more.
pub(crate) struct BlobReader<'s> {
    session: &'s Session<'s>,
    url: String,
    offset: u64,
    size: u64,
    body: Option<BodyReader<'static>>,
    failures: u32,
    /// Offset at the last failure.
    failed_at: u64,
    on_retry: Box<dyn Fn(u64) + Send + 's>,
}

impl<'s> BlobReader<'s> {
    /// `on_retry` is told how many seconds the next pause has.
    pub(crate) fn new(
        session: &'s Session<'s>,
        blob: &Descriptor,
        offset: u64,
        on_retry: impl Fn(u64) + Send + 's,
    ) -> Self {
        Self {
            session,
            url: session.url(&format!("blobs/{}", blob.digest)),
            offset,
            size: blob.size,
            body: None,
            failures: 0,
            failed_at: offset,
            on_retry: Box::new(on_retry),
        }
    }

    fn connect(&self) -> Result<BodyReader<'static>, Failure> {
        let mut call = Call::new(Method::GET, self.url.clone());
        if self.offset > 0 {
            call.headers.push(("Range", format!("bytes={}-", self.offset)));
        }
        let answer = self.session.attempt(&call)?;
        let skip = match answer.status {
            206 => {
                let start = answer.header("Content-Range").and_then(range_start);
                let start = start
                    .ok_or_else(|| errdefs::system("the registry sent a partial blob without its range"))?;
                self.offset.checked_sub(start).ok_or_else(|| {
                    errdefs::system(format!(
                        "the registry sent the blob from {start} instead of {}",
                        self.offset
                    ))
                })?
            }
            _ => self.offset, // the whole blob, from a registry that cannot do ranges
        };
        let mut reader = answer.body.into_with_config().limit(u64::MAX).reader();
        let skipped = io::copy(&mut (&mut reader).take(skip), &mut io::sink())
            .map_err(|error| failure::from_ureq(error.into()))?;
        if skipped < skip {
            return Err(Failure::Network(errdefs::unavailable("unexpected EOF")));
        }
        Ok(reader)
    }

    /// Notes a failure and waits, or gives up with it.
    fn recover(&mut self, failure: Failure) -> Result<(), Error> {
        self.body = None;
        self.session.cancel.check()?;
        if self.offset - self.failed_at >= PROGRESS_MIN {
            self.failures = 0;
        }
        self.failed_at = self.offset;
        self.failures += 1;
        if !failure.may_pass() || self.failures >= self.session.attempts() {
            return Err(failure.into());
        }
        let Some(pause) = self.session.pause_before(self.failures, &failure) else {
            return Err(failure.into());
        };
        (self.on_retry)(pause.as_secs().max(1));
        self.session.cancel.pause(pause)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        while self.offset < self.size {
            self.session.cancel.check()?;
            let left = usize::try_from(self.size - self.offset).unwrap_or(usize::MAX).min(buffer.len());
            let read = match &mut self.body {
                Some(body) => match body.read(&mut buffer[..left]) {
                    Ok(0) => Err(Failure::Network(errdefs::unavailable("unexpected EOF"))),
                    Ok(count) => Ok(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(failure::from_ureq(error.into())),
                },
                None => match self.connect() {
                    Ok(body) => {
                        self.body = Some(body);
                        continue;
                    }
                    Err(failure) => Err(failure),
                },
            };
            match read {
                Ok(count) => {
                    self.offset += count as u64;
                    return Ok(count);
                }
                Err(failure) => self.recover(failure)?,
            }
        }
        Ok(0)
    }
}

impl Session<'_> {
    /// A small blob, whole and checked.
    pub(crate) fn small_blob(&self, blob: &Descriptor, most: u64) -> Result<Vec<u8>, Failure> {
        if blob.size > most {
            return Err(errdefs::invalid(format!("blob {} is larger than {most} bytes", blob.digest)).into());
        }
        let mut bytes = Vec::new();
        BlobReader::new(self, blob, 0, |_| {}).read_to_end(&mut bytes).map_err(unwrap_io)?;
        let digest = Digest::of(&bytes);
        if digest != blob.digest {
            return Err(errdefs::system(format!(
                "content verification failed: got {digest}, expected {}",
                blob.digest
            ))
            .into());
        }
        Ok(bytes)
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.read_some(buffer).map_err(io::Error::other)
    }
}

/// The first byte of `bytes 100-199/200`.
fn range_start(header: &str) -> Option<u64> {
    header.trim().strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

/// The classified error that an I/O error carries through a pipeline, or a `System` one.
pub(crate) fn unwrap_io(error: io::Error) -> Error {
    if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        let inner = error.into_inner().and_then(|inner| inner.downcast::<Error>().ok());
        return inner.map_or_else(|| errdefs::system("i/o error"), |inner| *inner);
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range_start("bytes 100-199/200"), Some(100));
        assert_eq!(range_start("bytes */200"), None);
        assert_eq!(range_start("items 1-2/3"), None);
    }

    #[test]
    fn classified_errors_survive_io() {
        let error = unwrap_io(io::Error::other(errdefs::cancelled("x")));
        assert_eq!(error.class(), errdefs::Class::Cancelled);
    }
}
