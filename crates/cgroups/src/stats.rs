//! What a group has used, read from v1 or v2 files into one record; a missing controller leaves zeros or `None`.

use serde::{Deserialize, Serialize};

/// What a group has used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Processor time.
    pub cpu: Cpu,
    /// Memory.
    pub memory: Memory,
    /// Tasks.
    pub pids: Pids,
    /// Block devices.
    pub blkio: Blkio,
}

/// Processor time in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// All.
    pub total: u64,
    /// In user mode.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
    /// By processor (v1 only, else empty).
    pub per_cpu: Vec<u64>,
    /// Periods with a quota.
    pub periods: u64,
    /// Periods in which the quota ran out.
    pub throttled_periods: u64,
    /// Time spent waiting for quota.
    pub throttled_time: u64,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// In use, page cache included.
    pub usage: u64,
    /// The most that was in use (v1, and v2 from Linux 5.19).
    pub max_usage: Option<u64>,
    /// Times the limit was hit (v1).
    pub failures: Option<u64>,
    /// The limit; `u64::MAX` if there is none.
    pub limit: u64,
    /// Every line of `memory.stat`.
    pub stat: Vec<(String, u64)>,
    /// Processes killed for lack of memory.
    pub oom_kills: u64,
}

/// Tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pids {
    /// Now.
    pub current: u64,
    /// At most; `None` if unlimited.
    pub limit: Option<u64>,
}

/// Block devices, as Docker's API lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blkio {
    /// Bytes by device and operation.
    pub service_bytes: Vec<BlkioEntry>,
    /// Operations by device and operation.
    pub serviced: Vec<BlkioEntry>,
}

/// One line of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlkioEntry {
    /// Major number.
    pub major: u64,
    /// Minor number.
    pub minor: u64,
    /// `Read`, `Write`... (v1), `read`, `write` (v2).
    pub op: String,
    /// How many.
    pub value: u64,
}
