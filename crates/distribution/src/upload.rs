//! Sending one blob: not at all if it is there, by a mount if the registry has it elsewhere, else in one stream that
//! goes on where it broke.

use std::io::{self, Read};

use errdefs::Result;
use oci::digest::Digest;
use ureq::http::{Method, Uri};

use crate::auth::percent_encode;
use crate::failure::Failure;
use crate::session::{Call, Payload, Session, resolve};

/// How a blob came to be in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It was there.
    Existed,
    /// The registry took it from another repository.
    Mounted(String),
    /// All bytes were sent.
    Uploaded,
}

/// A blob to send.
pub(crate) struct Upload<'a> {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Opens the bytes from an offset.
    pub(crate) open: &'a (dyn Fn(u64) -> Result<Box<dyn Read + 'a>> + 'a),
    /// Repositories of the same registry that may have it.
    pub(crate) mounts: &'a [String],
}

impl Session<'_> {
    /// Whether the repository has the blob.
    pub(crate) fn has_blob(&self, digest: &Digest) -> Result<bool, Failure> {
        match self.call(&Call::new(Method::HEAD, self.url(&format!("blobs/{digest}")))) {
            Ok(_) => Ok(true),
            Err(Failure::Refused(refusal)) if refusal.status == 404 => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Makes the blob be in the repository.
    pub(crate) fn upload(&self, upload: &Upload<'_>) -> Result<Sent, Failure> {
        if self.has_blob(&upload.digest)? {
            return Ok(Sent::Existed);
        }
        for repository in upload.mounts {
            self.add_pull_scope(repository);
            let from = format!(
                "?mount={}&from={}",
                percent_encode(&upload.digest.to_string()),
                percent_encode(repository)
            );
            // A mount that is refused, even for lack of rights there, only means that the bytes must be sent.
            match self.begin(&from) {
                Ok(None) => return Ok(Sent::Mounted(repository.clone())),
                Ok(Some(location)) => return self.send_all(upload, Some(location)).map(|()| Sent::Uploaded),
                Err(Failure::Refused(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        self.send_all(upload, None).map(|()| Sent::Uploaded)
    }

    /// Begins an upload: where to send it, or `None` if the blob was mounted.
    fn begin(&self, query: &str) -> Result<Option<Uri>, Failure> {
        let call = Call::new(Method::POST, self.url(&format!("blobs/uploads/{query}")));
        let answer = self.call(&call)?;
        if answer.status == 201 {
            return Ok(None);
        }
        location(&call.url, answer.header("Location")).map(Some)
    }

    fn send_all(&self, upload: &Upload<'_>, begun: Option<Uri>) -> Result<(), Failure> {
        let mut at = begun;
        let attempt = |_| {
            let (target, offset) = match at.take() {
                Some(target) => self.where_to_go_on(target, upload)?,
                None => (self.begin("")?, 0),
            };
            let Some(target) = target else {
                return Err(Failure::Final(errdefs::system("the registry mounted a blob unasked")));
            };
            at = Some(target.clone());
            let after = self.patch(&target, upload, offset)?;
            at = Some(after.clone());
            self.finish(&after, &upload.digest).inspect_err(|failure| {
                // The registry has forgotten the upload or does not believe the bytes: from the beginning.
                if matches!(failure, Failure::Refused(_)) {
                    at = None;
                }
            })
        };
        self.retry(attempt, Failure::may_pass)
    }

    /// Sends bytes whose number and digest are not known before their end. Tried once: what fails is sent again from
    /// where it was kept. Gives where to finish.
    pub(crate) fn upload_stream(&self, stream: Box<dyn Read + Send + '_>) -> Result<Uri, Failure> {
        let target = self.begin("")?.ok_or_else(|| errdefs::system("the registry mounted a blob unasked"))?;
        let mut call = Call::new(Method::PATCH, target.to_string());
        call.headers.push(("Content-Type", "application/octet-stream".to_owned()));
        call.payload = Payload::Once(parking_lot::Mutex::new(Some(stream)));
        let answer = self.attempt(&call)?;
        location(&call.url, answer.header("Location"))
    }

    /// How much of a begun upload has arrived; one that is forgotten begins again.
    fn where_to_go_on(&self, target: Uri, upload: &Upload<'_>) -> Result<(Option<Uri>, u64), Failure> {
        let call = Call::new(Method::GET, target.to_string());
        match self.attempt(&call) {
            Ok(answer) => {
                let offset = answer.header("Range").and_then(range_end).unwrap_or(0);
                let target = match answer.header("Location") {
                    Some(next) => location(&call.url, Some(next))?,
                    None => target,
                };
                if offset > upload.size {
                    return Ok((self.begin("")?, 0));
                }
                Ok((Some(target), offset))
            }
            Err(Failure::Refused(_)) => Ok((self.begin("")?, 0)),
            Err(failure) => Err(failure),
        }
    }

    fn patch(&self, target: &Uri, upload: &Upload<'_>, offset: u64) -> Result<Uri, Failure> {
        let left = upload.size - offset;
        let open = || (upload.open)(offset);
        let mut call = Call::new(Method::PATCH, target.to_string());
        call.headers.push(("Content-Type", "application/octet-stream".to_owned()));
        if offset > 0 {
            call.headers.push(("Content-Range", format!("{offset}-{}", upload.size.saturating_sub(1))));
        }
        call.payload = Payload::Stream(&open, left);
        let answer = self.attempt(&call)?;
        location(&call.url, answer.header("Location"))
    }

    /// Makes the bytes sent so far the blob with this digest.
    pub(crate) fn finish(&self, target: &Uri, digest: &Digest) -> Result<(), Failure> {
        let separator = if target.query().is_some() { '&' } else { '?' };
        let url = format!("{target}{separator}digest={}", percent_encode(&digest.to_string()));
        self.attempt(&Call::new(Method::PUT, url)).map(|_| ())
    }
}

fn location(base: &str, header: Option<&str>) -> Result<Uri, Failure> {
    let missing = || errdefs::system("the registry began an upload without saying where");
    let base: Uri = base.parse().map_err(|_| missing())?;
    Ok(resolve(&base, header.ok_or_else(missing)?)?)
}

/// The number of bytes that `0-99` says are there.
fn range_end(header: &str) -> Option<u64> {
    let header = header.trim().trim_start_matches("bytes=");
    let (start, end) = header.split_once('-')?;
    let end: u64 = end.trim().parse().ok()?;
    // `0-0` is what registries say of an empty upload; that one byte may be sent twice is a mismatch they then report.
    (start.trim() == "0").then_some(if end == 0 { 0 } else { end + 1 })
}

/// Counts bytes as they are sent.
pub(crate) struct Counted<'a, R> {
    pub(crate) source: R,
    pub(crate) count: Box<dyn FnMut(u64) + Send + 'a>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        (self.count)(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_say_how_much_is_there() {
        for (header, there) in
            [("0-99", Some(100)), ("bytes=0-99", Some(100)), ("0-0", Some(0)), ("5-9", None), ("x", None)]
        {
            assert_eq!(range_end(header), there, "{header}");
        }
    }
}
