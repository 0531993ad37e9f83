//! A container as the runtime carries it out: flat, self-contained, checked, cheap to decode.
//!
//! A plan is compiled once from an OCI spec ([`crate::compile`]) and passed to the shim as bytes. Nothing in it has to be
//! parsed again: paths are absolute, options are bits, the filter is instructions. It is not self-describing (postcard),
//! so both sides must be of the same build; they are, the shim is started from the daemon's own copy.

use std::path::PathBuf;
use std::sync::Arc;

use cgroups::{Layout, Limits};
use idmap::IdMap;
use serde::{Deserialize, Serialize};

use crate::hooks::Hooks;

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id, for messages.
    pub id: String,
    /// The root file system.
    pub root: Root,
    /// Namespaces to make or to join; the others stay the caller's.
    pub namespaces: Vec<Namespace>,
    /// What the ids of its user namespace are on the host. There is one exactly if there is such a namespace.
    pub ids: Option<IdMap>,
    /// Mounts, in this order.
    pub mounts: Vec<Mount>,
    /// Device nodes to make in `/dev`, the default ones included.
    pub devices: Vec<Device>,
    /// Whether to make the links every `/dev` has (`fd`, `stdin`, `ptmx`...); not in a `/dev` of the host's.
    pub dev_links: bool,
    /// Paths hidden behind an empty file or directory.
    pub masked_paths: Vec<PathBuf>,
    /// Paths made read-only.
    pub readonly_paths: Vec<PathBuf>,
    /// Host name; needs a UTS namespace.
    pub hostname: Option<String>,
    /// NIS domain name; needs a UTS namespace.
    pub domainname: Option<String>,
    /// Files below `/proc/sys` and what to write there.
    pub sysctls: Vec<(String, String)>,
    /// System call filter, compiled.
    pub seccomp: Option<Filter>,
    /// Control group, e.g. `/docker/<id>`; `None` leaves the process in the caller's.
    pub cgroup: Option<CgroupPlan>,
    /// The first process.
    pub process: Process,
    /// Whether the first process is killed when the one that made it (the shim) dies.
    pub die_with_parent: bool,
    /// Programs to run at points of its life.
    pub hooks: Option<Box<Hooks>>,
}

/// The root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Where it comes from.
    pub source: RootSource,
    /// Whether it is read-only in the container.
    pub readonly: bool,
    /// Propagation of the host's mounts into the container's, `sys::mount` bits; slave if `None`.
    pub propagation: Option<Propagation>,
}

/// Where a root file system comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RootSource {
    /// A directory of the host, bind mounted.
    Path(PathBuf),
    /// Layers put together inside the container's own mount namespace, so that the host's mount table never has them.
    Overlay {
        /// Read-only layers, the top one first.
        lowers: Vec<PathBuf>,
        /// The writable layer; `None` makes the root read-only.
        upper: Option<PathBuf>,
        /// The writable layer's work directory, on the same file system.
        work: Option<PathBuf>,
        /// Nothing needs to survive a crash of the machine: no syncing at all.
        volatile: bool,
    },
}

impl Default for RootSource {
    fn default() -> Self {
        Self::Path(PathBuf::new())
    }
}

/// Propagation of mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propagation {
    /// One of `sys::mount::{SHARED, SLAVE, PRIVATE, UNBINDABLE}`.
    pub kind: u64,
    /// With all mounts below.
    pub recursive: bool,
}

/// A namespace of the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Which.
    pub kind: NamespaceKind,
    /// How the container comes by it.
    pub how: NamespaceSource,
}

/// Kinds of namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NamespaceKind {
    /// Process ids.
    Pid,
    /// Network.
    Network,
    /// Mounts.
    Mount,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host and domain name.
    Uts,
    /// Control groups.
    Cgroup,
    /// User and group ids.
    User,
}

/// How a container comes by a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamespaceSource {
    /// Made for it.
    New,
    /// Joined by its file, e.g. `/proc/123/ns/net`.
    Path(PathBuf),
    /// Joined by a descriptor passed to [`crate::create`] (network and user only).
    Given,
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where, absolute, inside the container.
    pub target: PathBuf,
    /// What.
    pub what: MountSource,
    /// `sys::mount` attribute bits to set on the mount itself.
    pub set: u64,
    /// Attribute bits to clear (a bind mount has its source's).
    pub clear: u64,
    /// Attribute bits to set on the mount and all below it (`rro` and friends).
    pub set_recursive: u64,
    /// Attribute bits to clear on the mount and all below it.
    pub clear_recursive: u64,
    /// Propagation; private if `None`.
    pub propagation: Option<Propagation>,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSource {
    /// A file or directory of the host.
    Bind {
        /// Absolute path on the host.
        source: PathBuf,
        /// With the mounts below it.
        recursive: bool,
    },
    /// A new instance of a file system.
    New {
        /// Its type.
        fstype: String,
        /// Its device or name, as the mount table shows it.
        source: String,
        /// Its options, with values where they have one.
        options: Vec<(String, Option<String>)>,
        /// Copy what the image has at the target into it (`tmpcopyup`).
        copy_up: bool,
    },
    /// Layers put together, only to be read.
    Layers {
        /// The top one first.
        lowers: Vec<PathBuf>,
        /// What of it is mounted; all if empty.
        subpath: PathBuf,
    },
    /// The container's own control groups.
    Cgroup,
}

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Where, absolute.
    pub path: PathBuf,
    /// Character device, else block device.
    pub character: bool,
    /// Named pipe instead of a device.
    pub fifo: bool,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner, by the host's number.
    pub uid: u32,
    /// Group, by the host's number.
    pub gid: u32,
}

/// A compiled system call filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The instructions, one in each number: operation, jumps (8 bits each), operand, from the low bits up. Shared by
    /// all containers that have the same.
    #[serde(with = "shared")]
    pub program: Arc<[u64]>,
    /// `SECCOMP_FILTER_FLAG_*` bits.
    pub flags: u64,
}

/// Numbers that are shared here, as the list they are.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(numbers: &Arc<[u64]>, to: S) -> Result<S::Ok, S::Error> {
        numbers.as_ref().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[u64]>, D::Error> {
        Vec::deserialize(from).map(Into::into)
    }
}

/// The container's control group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupPlan {
    /// Its path below the root of the hierarchies.
    pub path: String,
    /// Its limits and device rules.
    pub limits: Limits,
    /// The host's hierarchies, if whoever made the plan knows them; they are looked for otherwise.
    pub layout: Option<Layout>,
}

/// A process of the container: the first, or one added by `exec`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Program and arguments; the program is looked up in the container's `PATH`.
    pub args: Vec<String>,
    /// Environment as `KEY=value`; `HOME` is added from the image's passwd if missing.
    pub env: Vec<String>,
    /// Working directory, absolute; made (0755, root) if missing.
    pub cwd: PathBuf,
    /// Whom it runs as.
    pub user: User,
    /// Capability sets as bit masks.
    pub capabilities: Capabilities,
    /// `execve` can never add privileges.
    pub no_new_privileges: bool,
    /// Limits: `RLIMIT_*` number, soft, hard (`u64::MAX` = unlimited).
    pub rlimits: Vec<(u32, u64, u64)>,
    /// Adjustment of the OOM killer's score.
    pub oom_score_adj: Option<i32>,
    /// File mode creation mask; 0022 if `None`.
    pub umask: Option<u32>,
    /// Gets a pseudo terminal as its standard streams.
    pub terminal: bool,
    /// First size of the terminal: rows, columns.
    pub console_size: Option<(u16, u16)>,
    /// AppArmor profile for `execve`.
    pub apparmor_profile: Option<String>,
    /// SELinux label for `execve`.
    pub selinux_label: Option<String>,
}

/// Whom a process runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum User {
    /// Numbers.
    Ids {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
        /// Supplementary groups.
        groups: Vec<u32>,
    },
    /// Docker's `USER` string (`name`, `uid`, `name:group`, `uid:gid`, empty = root) and further groups by name or
    /// number, looked up in the container's own `/etc/passwd` and `/etc/group`.
    Named {
        /// The string.
        user: String,
        /// Further groups (`--group-add`).
        groups: Vec<String>,
    },
}

impl Default for User {
    fn default() -> Self {
        Self::Ids { uid: 0, gid: 0, groups: Vec::new() }
    }
}

/// Capability sets as bit masks by the kernel's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Upper bound of what `execve` can give.
    pub bounding: u64,
    /// In force.
    pub effective: u64,
    /// May be put in force.
    pub permitted: u64,
    /// Kept across `execve` together with file capabilities.
    pub inheritable: u64,
    /// Kept across `execve` of a plain program.
    pub ambient: u64,
}

/// A process to add to a running container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecPlan {
    /// The container's id.
    pub id: String,
    /// The process.
    pub process: Process,
    /// The container's filter.
    pub seccomp: Option<Filter>,
    /// The container's control group.
    pub cgroup: Option<String>,
    /// As [`CgroupPlan::layout`].
    pub layout: Option<Layout>,
    /// The namespaces the container has of its own; those are joined.
    pub namespaces: Vec<NamespaceKind>,
    /// Whether the process is killed when the one that made it (the shim) dies.
    pub die_with_parent: bool,
}

impl Plan {
    /// The plan of a further process of this container: its namespaces, group and filter.
    pub fn exec(&self, process: Process) -> ExecPlan {
        ExecPlan {
            id: self.id.clone(),
            process,
            seccomp: self.seccomp.clone(),
            cgroup: self.cgroup.as_ref().map(|cgroup| cgroup.path.clone()),
            layout: self.cgroup.as_ref().and_then(|cgroup| cgroup.layout.clone()),
            namespaces: self.namespaces.iter().map(|namespace| namespace.kind).collect(),
            die_with_parent: self.die_with_parent,
        }
    }
}
