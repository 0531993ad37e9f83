//! One more layer from a tar stream: unpacked and kept as a blob in one pass.

use std::io::{self, Read, Write};

use content::Ingest;
use errdefs::{Context, Result};
use oci::digest::Digest;
use oci::manifest::{Descriptor, media_type};
use snapshot::ApplyOptions;

use crate::catalog::Catalog;
use crate::lease::{Held, Lease};

/// A layer that is here, with its plain tar in `content`.
pub(crate) struct NewLayer {
    pub(crate) diff_id: Digest,
    pub(crate) blob: Descriptor,
}

/// What an archive without entries hashes to: two blocks of zeros.
fn empty_diff_id() -> Digest {
    Digest::of(&[0; 1024])
}

/// Takes in a plain tar. `None` if there is nothing in it.
pub(crate) fn take_in(
    catalog: &Catalog,
    lease: &Lease,
    key: &str,
    tar: impl Read + Send,
) -> Result<Option<NewLayer>> {
    let mut ingest = catalog.content.ingest(key)?;
    ingest.reset()?;
    let mut failed = None;
    let applied = {
        let tee = Tee { source: tar, ingest: &mut ingest, failed: &mut failed };
        catalog.snapshots.apply(&ApplyOptions::default(), tee)
    };
    if let Some(error) = failed {
        ingest.abort()?;
        return Err(error).context(|| "keep the layer's tar");
    }
    let applied = match applied {
        Ok(applied) => applied,
        Err(error) => {
            ingest.abort()?;
            return Err(error);
        }
    };
    if applied.diff_id == empty_diff_id() || ingest.offset() == 0 {
        ingest.abort()?;
        lease.add(&[Held::Layer(applied.diff_id)]);
        return Ok(None);
    }
    let (digest, size) = (ingest.digest(), ingest.offset());
    lease.add(&[Held::Layer(applied.diff_id), Held::Blob(digest)]);
    ingest.commit(&digest, Some(size))?;
    if digest != applied.diff_id {
        return Err(errdefs::system(format!("layer {} was not read to its end", applied.diff_id)));
    }
    Ok(Some(NewLayer {
        diff_id: applied.diff_id,
        blob: Descriptor::new(media_type::DOCKER_LAYER, digest, size),
    }))
}

/// Writes to the blob what the unpacker reads.
struct Tee<'a, R> {
    source: R,
    ingest: &'a mut Ingest,
    failed: &'a mut Option<io::Error>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if let Err(error) = self.ingest.write_all(&buffer[..count]) {
            let told = io::Error::new(error.kind(), error.to_string());
            *self.failed = Some(error);
            return Err(told);
        }
        Ok(count)
    }
}
