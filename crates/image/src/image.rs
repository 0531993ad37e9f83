//! What is known of one image.

use std::sync::Arc;

use jiff::Timestamp;
use oci::digest::Digest;
use oci::image::ImageConfig;
use oci::manifest::Descriptor;

/// The ID of an image: the digest of its config blob.
pub type ImageId = Digest;

/// One image, as a value that does not change: a tag or a removal makes a new one.
#[derive(Debug, Clone)]
pub struct Image {
    /// The digest of the config.
    pub id: ImageId,
    /// The config, parsed. Its exact bytes are [`crate::Images::config_bytes`].
    pub config: Arc<ImageConfig>,
    /// `busybox:latest`: names as users write them, sorted.
    pub repo_tags: Vec<String>,
    /// `busybox@sha256:...`: by which digests the registries know it, sorted.
    pub repo_digests: Vec<String>,
    /// The manifest it was pulled, loaded or pushed with, if there is one.
    pub manifest: Option<Descriptor>,
    /// The image this one was committed or built from here.
    pub parent: Option<ImageId>,
    /// Bytes of all its layers, uncompressed.
    pub size: u64,
    /// Bytes of each layer, lowest first, in the order of [`Image::layers`].
    pub layer_sizes: Vec<u64>,
    /// When it was made: the config's `created`, or `None` if that is missing or unreadable.
    pub created: Option<Timestamp>,
    /// When it was last tagged here.
    pub last_tag_time: Option<Timestamp>,
}

impl Image {
    /// The diff IDs of its layers, lowest first: what `snapshot::Snapshots::lower_dirs` takes.
    pub fn layers(&self) -> &[Digest] {
        &self.config.rootfs.diff_ids
    }

    /// Whether it has no name, so that only its ID reaches it.
    pub fn is_dangling(&self) -> bool {
        self.repo_tags.is_empty()
    }
}
