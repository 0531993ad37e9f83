//! What a control group may use: one flat record for v1 and v2, in the words of v1 as Docker and the OCI have them.
//!
//! `None` means "leave as it is", so that the same record creates and updates. -1 means unlimited where it is signed.

use serde::{Deserialize, Serialize};

/// Limits and device rules of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in bytes.
    pub memory: Option<i64>,
    /// Soft limit of memory in bytes.
    pub memory_reservation: Option<i64>,
    /// Memory and swap together, in bytes.
    pub memory_swap: Option<i64>,
    /// 0 to 100 (v1).
    pub swappiness: Option<u64>,
    /// Processes wait for memory instead of being killed (v1).
    pub oom_kill_disable: Option<bool>,
    /// Kernel memory for TCP buffers in bytes (v1).
    pub kernel_tcp: Option<i64>,
    /// Relative weight, 2 to 262144; 1024 is the default.
    pub cpu_shares: Option<u64>,
    /// Microseconds of processor time a period.
    pub cpu_quota: Option<i64>,
    /// Length of the period in microseconds.
    pub cpu_period: Option<u64>,
    /// Microseconds that may be saved up for a burst.
    pub cpu_burst: Option<u64>,
    /// Real-time microseconds a real-time period (v1).
    pub cpu_rt_runtime: Option<i64>,
    /// Real-time period in microseconds (v1).
    pub cpu_rt_period: Option<u64>,
    /// Processors, e.g. `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// Memory nodes.
    pub cpuset_mems: Option<String>,
    /// Number of tasks; 0 or less is unlimited.
    pub pids: Option<i64>,
    /// 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Weight by device.
    pub blkio_weight_device: Vec<DeviceValue>,
    /// Bytes read a second by device.
    pub blkio_read_bps: Vec<DeviceValue>,
    /// Bytes written a second by device.
    pub blkio_write_bps: Vec<DeviceValue>,
    /// Reads a second by device.
    pub blkio_read_iops: Vec<DeviceValue>,
    /// Writes a second by device.
    pub blkio_write_iops: Vec<DeviceValue>,
    /// Huge pages: size as the kernel names it (`2MB`) and bytes.
    pub hugepages: Vec<(String, u64)>,
    /// v2 files and what to write there; names are checked to be plain file names.
    pub unified: Vec<(String, String)>,
    /// Device rules in order, later ones win. `None`: leave as they are. An empty list denies every device.
    pub devices: Option<Vec<DeviceRule>>,
}

/// A number for one block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceValue {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Weight, bytes or operations.
    pub value: u64,
}

/// One device rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceRule {
    /// Allows, or denies.
    pub allow: bool,
    /// Which type of device.
    pub kind: DeviceKind,
    /// Major number; `None` is any.
    pub major: Option<u32>,
    /// Minor number; `None` is any.
    pub minor: Option<u32>,
    /// Opening for reading.
    pub read: bool,
    /// Opening for writing.
    pub write: bool,
    /// Making the node.
    pub mknod: bool,
}

/// Type of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeviceKind {
    /// Both.
    All,
    /// Character devices.
    Character,
    /// Block devices.
    Block,
}
