//! Control groups of a container, whatever the host has: v1, hybrid or v2.
//!
//! One [`Cgroup`] is the container's directory in every hierarchy that is needed. Where a v2 tree is mounted, even one
//! without controllers (hybrid), it is used for membership, freezing and killing, which it does atomically; the v1
//! hierarchies are only used for their controllers, and only those whose limits or counters are wanted, because each
//! directory and each move of a process into it costs a start time.
//!
//! Invariants: no group is ever made or removed outside the path given; a controller the host lacks is an error only if
//! a limit needs it; nothing here waits longer than the kernel takes.

use std::os::fd::{BorrowedFd, OwnedFd};

use errdefs::Result;
use rustix::process::Pid;

mod limits;
mod stats;

pub use limits::{DeviceKind, DeviceRule, DeviceValue, Limits};
pub use stats::{Blkio, BlkioEntry, Cpu, Memory, Pids, Stats};

/// Where engines put their containers' groups.
pub const DEFAULT_PARENT: &str = "/docker";

/// Which hierarchies this host has mounted.
#[derive(Debug, Clone)]
pub struct Layout {}

/// The groups of one container.
#[derive(Debug)]
pub struct Cgroup {}

/// Tells when a process was killed for lack of memory.
#[derive(Debug)]
pub struct OomWatch {}

/// How the host mounts control groups, as `docker info` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// v1, or hybrid.
    V1,
    /// v2 alone.
    V2,
}

#[expect(clippy::todo, clippy::missing_errors_doc, reason = "first landing: the interface")]
impl Layout {
    /// Reads this process's mounts and groups.
    pub fn detect() -> Result<Self> {
        todo!()
    }
    /// Which version the controllers are on.
    pub fn version(&self) -> Version {
        todo!()
    }
    /// Controllers that can be used, by their v1 names.
    pub fn controllers(&self) -> &[String] {
        todo!()
    }
}

#[expect(clippy::todo, clippy::missing_errors_doc, unused_variables, reason = "first landing: the interface")]
impl Cgroup {
    /// Makes the group `path` (e.g. `/docker/<id>`) with its limits.
    pub fn create(layout: &Layout, path: &str, limits: &Limits) -> Result<Self> {
        todo!()
    }
    /// The group `path` that was made before.
    pub fn open(layout: &Layout, path: &str) -> Result<Self> {
        todo!()
    }
    /// Its path below the root of the hierarchies.
    pub fn path(&self) -> &str {
        todo!()
    }
    /// Its directory in the v2 tree, to start a process in it.
    pub fn unified(&self) -> Option<BorrowedFd<'_>> {
        todo!()
    }
    /// Moves a process in (in the v1 hierarchies only, if it was started in the v2 directory).
    pub fn add(&self, pid: Pid, started_in_unified: bool) -> Result<()> {
        todo!()
    }
    /// Changes limits on the running group.
    pub fn update(&self, limits: &Limits) -> Result<()> {
        todo!()
    }
    /// Stops all its processes; returns once they are stopped.
    pub fn freeze(&self) -> Result<()> {
        todo!()
    }
    /// Lets them go on.
    pub fn thaw(&self) -> Result<()> {
        todo!()
    }
    /// Whether it is frozen.
    pub fn is_frozen(&self) -> Result<bool> {
        todo!()
    }
    /// Kills all processes in it and below, frozen ones too.
    pub fn kill(&self) -> Result<()> {
        todo!()
    }
    /// All processes in it and below, as this process's PID namespace numbers them.
    pub fn pids(&self) -> Result<Vec<Pid>> {
        todo!()
    }
    /// What it has used.
    pub fn stats(&self) -> Result<Stats> {
        todo!()
    }
    /// How many of its processes were killed for lack of memory so far.
    pub fn oom_kills(&self) -> Result<u64> {
        todo!()
    }
    /// Watches for such kills; `None` without a memory controller.
    pub fn watch_oom(&self) -> Result<Option<OomWatch>> {
        todo!()
    }
    /// Removes it and all below; it must be empty of processes. A group already gone is success.
    pub fn remove(self) -> Result<()> {
        todo!()
    }
}

#[expect(clippy::todo, clippy::missing_errors_doc, reason = "first landing: the interface")]
impl OomWatch {
    /// Readable when there may be news.
    pub fn fd(&self) -> &OwnedFd {
        todo!()
    }
    /// Takes the news: how many kills since the last call.
    pub fn take(&mut self) -> Result<u64> {
        todo!()
    }
}
