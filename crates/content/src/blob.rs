//! Reading blobs, and finding those that the disk has damaged.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use errdefs::{Context, Error, Result, invalid, not_found, system};
use oci::digest::{Digest, Hasher};

use crate::Content;

/// Size of the pieces in which a blob is hashed.
const PIECE: usize = 256 << 10;

impl Content {
    /// Opens the blob for reading, unverified.
    pub fn open_blob(&self, digest: &Digest) -> Result<File> {
        File::open(self.blob_path(digest)).map_err(|error| open_error(digest, error))
    }

    /// Opens the blob for reading it once to its end, where a damaged one is an error instead of the end.
    pub fn open_verified(&self, digest: &Digest) -> Result<Verified> {
        Ok(Verified { file: self.open_blob(digest)?, digest: *digest, hasher: Some(Hasher::new()) })
    }

    /// The blob's size in bytes.
    pub fn size(&self, digest: &Digest) -> Result<u64> {
        let metadata =
            std::fs::metadata(self.blob_path(digest)).map_err(|error| open_error(digest, error))?;
        Ok(metadata.len())
    }

    /// The whole blob, verified. More than `max` bytes is an error of class `InvalidParameter`.
    pub fn read(&self, digest: &Digest, max: usize) -> Result<Vec<u8>> {
        let size = self.size(digest)?;
        if size > max as u64 {
            return Err(invalid(format!("content {digest} has {size} bytes, the limit here is {max}")));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(max));
        // Not `read_to_end` on the bare file: it must not be able to grow past `max`.
        let mut source = self.open_verified(digest)?.take(max as u64 + 1);
        source.read_to_end(&mut bytes).context(|| format!("read content {digest}"))?;
        if bytes.len() > max {
            return Err(damaged(digest));
        }
        Ok(bytes)
    }

    /// Reads the whole blob; an error says that it is damaged or missing.
    pub fn verify(&self, digest: &Digest) -> Result<()> {
        let mut source = self.open_verified(digest)?;
        let mut piece = vec![0; PIECE];
        while source.read(&mut piece).context(|| format!("read content {digest}"))? > 0 {}
        Ok(())
    }
}

/// A reader that hashes; see [`Content::open_verified`].
pub struct Verified {
    file: File,
    digest: Digest,
    /// Gone once the end was seen and was right.
    hasher: Option<Hasher>,
}

impl Read for Verified {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if count > 0 {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&buffer[..count]);
            }
        } else if !buffer.is_empty()
            && let Some(hasher) = self.hasher.take()
            && hasher.finish() != self.digest
        {
            return Err(io::Error::new(ErrorKind::InvalidData, damaged(&self.digest)));
        }
        Ok(count)
    }
}

fn damaged(digest: &Digest) -> Error {
    system(format!("content {digest} is damaged on disk: remove the image and pull it again"))
}

pub(crate) fn open_error(digest: &Digest, error: io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound {
        return not_found(format!("content {digest}: not found"));
    }
    system(format!("content {digest}")).with_source(error)
}
