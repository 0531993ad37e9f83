//! Holds that keep an image's layers and blobs from being collected.
//!
//! Whoever makes something of blobs or layers holds them first and looks for them afterwards; whoever removes
//! something looks at the holds under the same lock. So nothing is ever taken away between being found and being used.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use oci::digest::Digest;
use parking_lot::Mutex;

use crate::catalog::Catalog;

/// Keeps what it names while it lives: layers and blobs of an image, also when its record is removed meanwhile. A
/// container keeps one as long as it exists.
#[must_use = "a lease ends when it is dropped"]
pub struct Lease {
    catalog: Arc<Catalog>,
    digests: Mutex<Vec<Digest>>,
    /// Whether what nobody needs any more is removed at the end.
    collect: bool,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("digests", &self.digests.lock().len()).finish_non_exhaustive()
    }
}

impl Lease {
    pub(crate) fn new(catalog: Arc<Catalog>, digests: &[Digest], collect: bool) -> Self {
        let lease = Self { catalog, digests: Mutex::default(), collect };
        lease.add(digests);
        lease
    }

    /// Holds these too.
    pub(crate) fn add(&self, digests: &[Digest]) {
        self.catalog.hold(digests);
        self.digests.lock().extend(digests);
    }

    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.digests.lock().clone()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let digests = std::mem::take(self.digests.get_mut());
        self.catalog.release(&digests);
        if self.collect {
            // The next collection finds what could not be removed now.
            if let Err(error) = self.catalog.collect_among(&digests) {
                tracing::warn!(%error, "collect released layers");
            }
        }
    }
}

/// How often each digest is held.
#[derive(Debug, Default)]
pub(crate) struct Holds(HashMap<Digest, usize>);

impl Holds {
    pub(crate) fn add(&mut self, digests: &[Digest]) {
        for digest in digests {
            *self.0.entry(*digest).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, digests: &[Digest]) {
        for digest in digests {
            if let Some(count) = self.0.get_mut(digest) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(digest);
                }
            }
        }
    }

    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        self.0.contains_key(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_held_as_often_as_it_was_added() {
        let digest = Digest::of(b"x");
        let mut holds = Holds::default();
        holds.add(&[digest, digest]);
        holds.remove(&[digest]);
        assert!(holds.contains(&digest));
        holds.remove(&[digest]);
        assert!(!holds.contains(&digest));
        holds.remove(&[digest]);
    }
}
