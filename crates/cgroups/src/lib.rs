//! Control groups of a container, whatever the host has: v1, hybrid or v2.
//!
//! One [`Cgroup`] is the container's directory in every hierarchy that is needed. Where a v2 tree is mounted, even one
//! without controllers (hybrid), it is used for membership, freezing and killing, which it does atomically; the v1
//! hierarchies are only used for their controllers, and only those whose limits or counters are wanted, because each
//! directory and each move of a process into it costs a start time.
//!
//! Invariants: no group is ever made or removed outside the path given; a controller the host lacks is an error only if
//! a limit needs it; nothing here waits longer than the kernel takes.

mod devices;
mod file;
mod freeze;
mod group;
mod layout;
mod limits;
mod oom;
mod stats;
mod v1;
mod v2;

pub use group::Cgroup;
pub use layout::{Layout, Version};
pub use limits::{DeviceKind, DeviceRule, DeviceValue, Limits};
pub use oom::OomWatch;
pub use stats::{Blkio, BlkioEntry, Cpu, Memory, Pids, Stats};

/// Where engines put their containers' groups.
pub const DEFAULT_PARENT: &str = "/docker";
