//! What the store keeps of a volume.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Record, Table};

use crate::definition::Named;

/// The table of volumes, by name.
pub(crate) const VOLUMES: Table<VolumeRecord> = Table::new("volumes");

/// One volume's record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VolumeRecord {
    pub(crate) created: Timestamp,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
    /// Not in the records of earlier programs.
    #[serde(default)]
    pub(crate) named: Named,
    pub(crate) phase: Phase,
}

/// What is being done to a volume, so that a crash in the middle is finished at the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// It exists; its directory is made again if it is missing.
    Ready,
    /// A whole copy of the image's content waits in `<name>/_copy`; its entries are on their way into `_data`.
    Filling,
    /// The user has asked for its removal; nothing brings it back.
    Removing,
}

impl Record for VolumeRecord {
    const VERSION: u32 = 1;
}
