//! What is stored about images. Everything else is in the blobs.

use jiff::Timestamp;
use oci::digest::Digest;
use oci::manifest::Descriptor;
use serde::{Deserialize, Serialize};
use store::{Record, Table};

/// One image; the key is its ID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ImageRecord {
    /// The manifest it came or went with.
    pub(crate) manifest: Option<Descriptor>,
    /// The index that named the manifest, kept for other tools and for asking a registry whether anything changed.
    pub(crate) index: Option<Digest>,
    /// The image this one was committed from here.
    pub(crate) parent: Option<Digest>,
    pub(crate) last_tag_time: Option<Timestamp>,
}

impl Record for ImageRecord {
    const VERSION: u32 = 1;
}

/// One name; the key is the whole reference (`docker.io/library/busybox:latest`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NameRecord {
    pub(crate) image: Digest,
}

impl Record for NameRecord {
    const VERSION: u32 = 1;
}

/// One layer; the key is its diff ID.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerRecord {
    /// Its forms that are in `content`: as pulled, as compressed for a push, or the plain tar.
    pub(crate) blobs: Vec<Descriptor>,
    /// Where the forms are known to be: names of repositories.
    pub(crate) repositories: Vec<String>,
}

impl Record for LayerRecord {
    const VERSION: u32 = 1;
}

/// A pull that has not ended well; the key is the reference. Keeps what it has fetched for the next try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PullRecord {
    pub(crate) started: Timestamp,
    pub(crate) digests: Vec<Digest>,
}

impl Record for PullRecord {
    const VERSION: u32 = 1;
}

pub(crate) const IMAGES: Table<ImageRecord> = Table::new("images");
pub(crate) const NAMES: Table<NameRecord> = Table::new("image-names");
pub(crate) const LAYERS: Table<LayerRecord> = Table::new("image-layers");
pub(crate) const PULLS: Table<PullRecord> = Table::new("image-pulls");
