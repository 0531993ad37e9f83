//! Manifests and indexes, read so strictly that no other reader can see something else in the same bytes.
//!
//! Docker's schema 2 and the OCI media types are the same document but for the names. Schema 1 is refused: it has
//! no config digest and has been off by default in Docker for years. See `strict` for what ambiguity is refused.

use std::collections::BTreeMap;

use errdefs::{Result, invalid};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::image::null_as_default;
use crate::platform::Platform;
use crate::strict;

/// Largest manifest or index accepted, in bytes; registries refuse more on push.
pub const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// Media types of the documents and blobs that we read and write.
pub mod media_type {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image config.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// OCI layer, not compressed.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// OCI layer, gzip.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// OCI layer, zstd.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// Docker schema 2 manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image config.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker layer, not compressed.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// Docker layer, gzip.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker layer, zstd.
    pub const DOCKER_LAYER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";
    /// Docker layer that may not be pushed on (Windows base images), gzip.
    pub const DOCKER_LAYER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    /// Docker schema 1, refused.
    pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
    /// Docker schema 1 signed, refused.
    pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

    /// True for a manifest of one image.
    pub fn is_manifest(media_type: &str) -> bool {
        matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST)
    }

    /// True for a list of manifests.
    pub fn is_index(media_type: &str) -> bool {
        matches!(media_type, OCI_INDEX | DOCKER_INDEX)
    }
}

/// A pointer to a blob or document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Other places to get it from; never followed with credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub urls: Vec<String>,
    /// Free text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub annotations: BTreeMap<String, String>,
    /// In an index: what the image runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What an artifact that is no image is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A descriptor of `bytes`.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// A descriptor with nothing optional.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
        }
    }
}

/// The manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Its own media type; optional in OCI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What an artifact that is no image is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The image config.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub annotations: BTreeMap<String, String>,
}

/// A list of manifests, mostly one a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Its own media type; optional in OCI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What an artifact that is no image is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The manifests, in order of preference.
    #[serde(deserialize_with = "null_as_default")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub annotations: BTreeMap<String, String>,
}

/// What a reference or an entry of an index points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Box<Manifest>),
    /// A list.
    Index(Box<Index>),
}

impl Manifest {
    /// Parses a manifest; an index is an error.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self> {
        match Document::parse(bytes, content_type)? {
            Document::Manifest(manifest) => Ok(*manifest),
            Document::Index(_) => Err(invalid("invalid manifest: it is an index")),
        }
    }

    /// The bytes of a manifest made here.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps with string keys always serialize")
    }
}

impl Index {
    /// Parses an index; a manifest is an error.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self> {
        match Document::parse(bytes, content_type)? {
            Document::Index(index) => Ok(*index),
            Document::Manifest(_) => Err(invalid("invalid index: it is a manifest")),
        }
    }

    /// The bytes of an index made here.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps with string keys always serialize")
    }

    /// The best manifest for `wanted`: the lowest preference value, the first among equals. Entries without a
    /// platform, or with the platform `unknown/unknown` (attestations), are never chosen.
    pub fn select(&self, wanted: &Platform) -> Option<&Descriptor> {
        self.manifests
            .iter()
            .filter_map(|entry| Some((wanted.preference(entry.platform.as_ref()?)?, entry)))
            .min_by_key(|(preference, _)| *preference)
            .map(|(_, entry)| entry)
    }
}

/// Which members tell the kind of document.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    schema_version: Option<u32>,
    media_type: Option<String>,
    config: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
    manifests: Option<serde::de::IgnoredAny>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

impl Document {
    /// Parses a manifest or index. `content_type` is the media type that the registry or the pointing descriptor
    /// gave: it, the `mediaType` member and the shape of the document must all say the same.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(invalid(format!(
                "invalid manifest: {} bytes, the limit is {MANIFEST_BYTES_MAX}",
                bytes.len()
            )));
        }
        strict::check(bytes, "manifest")?;
        let shape: Shape = read(bytes)?;
        let given = content_type.map(|t| t.split(';').next().unwrap_or_default().trim());
        refuse_schema1(&shape, given)?;
        if shape.schema_version != Some(2) {
            return Err(invalid("invalid manifest: schemaVersion is not 2"));
        }
        if let (Some(inner), Some(given)) = (shape.media_type.as_deref(), given)
            && inner != given
            && (media_type::is_manifest(given) || media_type::is_index(given))
        {
            return Err(invalid(format!(
                "invalid manifest: mediaType is {inner:?} but it was sent as {given:?}"
            )));
        }
        let says = shape
            .media_type
            .as_deref()
            .or(given.filter(|g| media_type::is_manifest(g) || media_type::is_index(g)));
        let of_image = shape.config.is_some() || shape.layers.is_some();
        match (of_image, shape.manifests.is_some()) {
            (true, true) => Err(invalid("invalid manifest: both layers and manifests")),
            (false, false) => Err(invalid("invalid manifest: neither layers nor manifests")),
            (true, false) if says.is_none_or(media_type::is_manifest) => {
                Ok(Self::Manifest(Box::new(read(bytes)?)))
            }
            (false, true) if says.is_none_or(media_type::is_index) => Ok(Self::Index(Box::new(read(bytes)?))),
            _ => Err(invalid(format!(
                "invalid manifest: its members are not those of {}",
                says.unwrap_or("a manifest")
            ))),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| invalid(format!("invalid manifest: {error}")))
}

fn refuse_schema1(shape: &Shape, content_type: Option<&str>) -> Result<()> {
    let named = |t: Option<&str>| {
        t.is_some_and(|t| matches!(t, media_type::DOCKER_SCHEMA1 | media_type::DOCKER_SCHEMA1_SIGNED))
    };
    let schema1 = shape.schema_version == Some(1)
        || shape.fs_layers.is_some()
        || named(shape.media_type.as_deref())
        || named(content_type);
    if schema1 {
        return Err(invalid(
            "Docker Image manifest version 2, schema 1 is not supported: ask the author of the image to push it \
             again in the OCI format or as manifest version 2, schema 2",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
