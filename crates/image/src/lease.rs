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
    held: Mutex<Vec<Held>>,
    /// Whether what nobody needs any more is removed at the end.
    collect: bool,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("held", &self.held.lock().len()).finish_non_exhaustive()
    }
}

/// Something that can be held. A layer whose plain tar is kept has one digest for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Held {
    Blob(Digest),
    Layer(Digest),
}

impl Held {
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Blob(digest) | Self::Layer(digest) => *digest,
        }
    }

    pub(crate) fn blobs<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> Vec<Self> {
        digests.into_iter().map(|digest| Self::Blob(*digest)).collect()
    }

    pub(crate) fn layers<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> Vec<Self> {
        digests.into_iter().map(|digest| Self::Layer(*digest)).collect()
    }
}

impl Lease {
    pub(crate) fn new(catalog: Arc<Catalog>, held: &[Held], collect: bool) -> Self {
        let lease = Self { catalog, held: Mutex::default(), collect };
        lease.add(held);
        lease
    }

    /// Holds these too.
    pub(crate) fn add(&self, held: &[Held]) {
        self.catalog.hold(held);
        self.held.lock().extend(held);
    }

    /// Every digest that is held, as whatever.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.held.lock().iter().map(Held::digest).collect()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let held = std::mem::take(self.held.get_mut());
        self.catalog.release(&held);
        if self.collect {
            // The next collection finds what could not be removed now.
            if let Err(error) = self.catalog.collect_among(&held) {
                tracing::warn!(%error, "collect released layers");
            }
        }
    }
}

/// How often each thing is held.
#[derive(Debug, Default)]
pub(crate) struct Holds(HashMap<Held, usize>);

impl Holds {
    pub(crate) fn add(&mut self, held: &[Held]) {
        for one in held {
            *self.0.entry(*one).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, held: &[Held]) {
        for one in held {
            if let Some(count) = self.0.get_mut(one) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(one);
                }
            }
        }
    }

    pub(crate) fn contains(&self, held: &Held) -> bool {
        self.0.contains_key(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_held_as_often_as_it_was_added() {
        let digest = Digest::of(b"x");
        let (blob, layer) = (Held::Blob(digest), Held::Layer(digest));
        let mut holds = Holds::default();
        holds.add(&[blob, blob]);
        assert!(!holds.contains(&layer), "one digest, two things");
        holds.remove(&[blob]);
        assert!(holds.contains(&blob));
        holds.remove(&[blob]);
        assert!(!holds.contains(&blob));
        holds.remove(&[blob]);
    }
}
