//! What a volume is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Label that marks a volume made without a name; `volume prune` removes only these unless told otherwise.
pub const ANONYMOUS_LABEL: &str = "com.docker.volume.anonymous";

/// A request for a volume (`POST /volumes/create`, `-v name:/path`, `VOLUME` of an image).
#[derive(Debug, Clone, Default)]
pub struct VolumeSpec {
    /// Its name; empty makes an anonymous one: 64 hexadecimal digits.
    pub name: String,
    /// Empty or `local`; others are plugins, which do not exist here.
    pub driver: String,
    /// Options of the driver: `type`, `o`, `device` of a mount that is made while the volume is in use.
    pub options: Option<BTreeMap<String, String>>,
    /// The user's labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// A volume that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// `local`.
    pub driver: String,
    /// Where its data is on the host: `<root>/<name>/_data`.
    pub mountpoint: PathBuf,
    /// When it was made.
    pub created: Timestamp,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// The user's labels.
    pub labels: BTreeMap<String, String>,
    /// What was asked for although it is empty: Docker shows an empty map then, not nothing.
    pub named: Named,
}

/// Which empty maps a request has named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Options, without any.
    pub options: bool,
    /// Labels, without any.
    pub labels: bool,
}

impl Volume {
    /// Whether it was made without a name.
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS_LABEL)
    }
}
