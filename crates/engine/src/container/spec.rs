//! From a container's record to the OCI runtime spec of its next run: Docker's defaults and the user's wishes.
//!
//! Pure: whatever depends on the host or on other containers is found before and comes in by [`Run`]. The user is not in
//! the spec; the runtime looks it up inside the container. Golden parts are compared with a spec recorded from Docker
//! 28.5 in the tests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use errdefs::Result;
use idmap::{IdMap, Range};
use oci::runtime::{
    Capabilities, ConsoleSize, IdMapping, Linux, Mount, Namespace, NamespaceKind, Process, Root,
    RootfsPropagation, Spec, VERSION,
};

use super::apparmor;
use super::record::Record;

pub(crate) mod capabilities;
pub(crate) mod devices;
mod mounts;
pub(crate) mod resources;
pub(crate) mod security;

pub(crate) use mounts::{Bound, Shm};

/// A namespace of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Space {
    /// Its own.
    New,
    /// The host's.
    Host,
    /// That of the process whose file this is.
    Join(String),
}

/// What a run depends on besides the record.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) pid: Space,
    pub(crate) ipc: Space,
    pub(crate) uts: Space,
    pub(crate) cgroup: Space,
    pub(crate) network: Space,
    /// User ids, and what they are on the host.
    pub(crate) user: Option<(Space, IdMap)>,
    /// The host name inside.
    pub(crate) hostname: String,
    /// Variables about linked containers.
    pub(crate) links: Vec<String>,
    /// What is on `/dev/shm`.
    pub(crate) shm: Shm,
    /// The user's mounts with their sources found.
    pub(crate) mounts: Vec<Bound>,
    /// The files bound over `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`, by target.
    pub(crate) files: Vec<(&'static str, PathBuf)>,
    /// Number of the kernel's last capability.
    pub(crate) last_capability: u32,
    /// Devices of the host that the container gets.
    pub(crate) devices: devices::Granted,
    /// The program bound to [`INIT`], for `--init`.
    pub(crate) init: Option<PathBuf>,
    /// The host confines by AppArmor.
    pub(crate) apparmor: bool,
    /// Limits of the daemon for processes that set none.
    pub(crate) default_ulimits: Vec<api::container::Ulimit>,
}

/// Where the init process is inside the container.
const INIT: &str = "/sbin/docker-init";

/// Paths hidden from containers (semantics 71).
pub(crate) const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Paths that containers may only read.
pub(crate) const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Makes the spec, without seccomp.
///
/// # Errors
/// InvalidParameter for settings that `create` accepted and that make no sense now.
pub(crate) fn build(record: &Record, run: &Run) -> Result<Spec> {
    let host = &record.host;
    let security = security::Options::parse(host.security_opt.as_deref().unwrap_or_default())?;
    let propagation = run.mounts.iter().find_map(|mount| match mount.propagation.as_str() {
        "shared" | "rshared" => Some(RootfsPropagation::Shared),
        _ => None,
    });
    let slave = run.mounts.iter().any(|mount| matches!(mount.propagation.as_str(), "slave" | "rslave"));
    let hostname = if run.uts == Space::New { run.hostname.clone() } else { String::new() };
    Ok(Spec {
        oci_version: VERSION.to_owned(),
        process: Some(process(record, run, &security)?),
        root: Some(Root { path: String::new(), readonly: host.readonly_rootfs }),
        hostname,
        domainname: if run.uts == Space::New { record.config.domainname.clone() } else { String::new() },
        mounts: all_mounts(record, run)?,
        linux: Some(Linux {
            sysctl: sysctls(record, run),
            resources: Some(limits(record, run)?),
            cgroups_path: record.cgroup(),
            namespaces: namespaces(run),
            uid_mappings: mappings(run, IdMap::uids),
            gid_mappings: mappings(run, IdMap::gids),
            devices: run.devices.nodes.clone(),
            rootfs_propagation: propagation.or(slave.then_some(RootfsPropagation::Slave)),
            masked_paths: host.masked_paths.clone().unwrap_or_default(),
            readonly_paths: host.readonly_paths.clone().unwrap_or_default(),
            ..Linux::default()
        }),
        annotations: host.annotations.clone(),
        ..Spec::default()
    })
}

/// The limits for the control group with its device rules; also for `update`.
fn limits(record: &Record, run: &Run) -> Result<oci::runtime::Resources> {
    let mut limits = resources::to_oci(&record.host.resources)?;
    limits.devices = devices::rules(&run.devices, record.host.privileged);
    Ok(limits)
}

fn process(record: &Record, run: &Run, security: &security::Options) -> Result<Process> {
    let host = &record.host;
    let names = capabilities::resolve(
        host.cap_add.as_deref().map_or(&[], Vec::as_slice),
        host.cap_drop.as_deref().map_or(&[], Vec::as_slice),
        host.privileged,
        run.last_capability,
    )?;
    let mut args = Vec::new();
    if run.init.is_some() {
        args.extend([INIT.to_owned(), "--".to_owned()]);
    }
    args.push(record.path.clone());
    args.extend(record.args.iter().cloned());
    let console = host.console_size;
    let size = ConsoleSize { height: console[0], width: console[1] };
    Ok(Process {
        terminal: record.config.tty,
        console_size: (record.config.tty && console != [0, 0]).then_some(size),
        args,
        env: environment(record, run),
        cwd: if record.config.working_dir.is_empty() {
            "/".into()
        } else {
            record.config.working_dir.clone()
        },
        // A process that is not root has no capabilities in force: the runtime drops them when it changes user.
        capabilities: Some(Capabilities {
            bounding: names.clone(),
            effective: names.clone(),
            permitted: names,
            inheritable: Vec::new(),
            ambient: Vec::new(),
        }),
        rlimits: resources::rlimits(
            host.resources.ulimits.as_deref().unwrap_or_default(),
            &run.default_ulimits,
        )?,
        no_new_privileges: security.no_new_privileges,
        apparmor_profile: apparmor::profile(security.apparmor.as_deref(), host.privileged, run.apparmor)?,
        oom_score_adj: i32::try_from(host.oom_score_adj).ok(),
        ..Process::default()
    })
}

/// The environment of the first process, which execs build on.
pub(crate) fn environment(record: &Record, run: &Run) -> Vec<String> {
    super::env::of_container(
        &run.hostname,
        record.config.tty,
        &run.links,
        record.config.env.as_deref().unwrap_or_default(),
    )
}

fn all_mounts(record: &Record, run: &Run) -> Result<Vec<Mount>> {
    let mut all = mounts::of_run(record, run)?;
    if let Some(init) = &run.init {
        all.push(Mount {
            destination: INIT.into(),
            kind: "bind".into(),
            source: init.to_string_lossy().into_owned(),
            options: vec!["bind".into(), "ro".into()],
            ..Mount::default()
        });
    }
    Ok(all)
}

fn sysctls(record: &Record, run: &Run) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if run.network == Space::New {
        all.insert("net.ipv4.ip_unprivileged_port_start".to_owned(), "0".to_owned());
        all.insert("net.ipv4.ping_group_range".to_owned(), "0 2147483647".to_owned());
    }
    all.extend(record.host.sysctls.clone());
    all
}

fn mappings(run: &Run, side: fn(&IdMap) -> &[Range]) -> Vec<IdMapping> {
    let ranges = run.user.as_ref().map_or(&[][..], |(_, ids)| side(ids));
    let mapping =
        |range: &Range| IdMapping { container_id: range.container, host_id: range.host, size: range.size };
    ranges.iter().map(mapping).collect()
}

fn namespaces(run: &Run) -> Vec<Namespace> {
    let wanted = [
        (NamespaceKind::Mount, &Space::New),
        (NamespaceKind::Network, &run.network),
        (NamespaceKind::Uts, &run.uts),
        (NamespaceKind::Pid, &run.pid),
        (NamespaceKind::Ipc, &run.ipc),
        (NamespaceKind::Cgroup, &run.cgroup),
        (NamespaceKind::User, run.user.as_ref().map_or(&Space::Host, |(space, _)| space)),
    ];
    let namespace = |kind, path: &str| Some(Namespace { kind, path: path.to_owned() });
    wanted
        .into_iter()
        .filter_map(|(kind, space)| match space {
            Space::New => namespace(kind, ""),
            Space::Join(path) => namespace(kind, path),
            Space::Host => None,
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
