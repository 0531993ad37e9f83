//! Holds that keep an image's layers and blobs from being collected.

use oci::digest::Digest;

/// Keeps what it names while it lives: the layers and blobs of an image, also when its record is removed meanwhile.
#[must_use = "a lease ends when it is dropped"]
pub struct Lease {
    pub(crate) digests: Vec<Digest>,
}
