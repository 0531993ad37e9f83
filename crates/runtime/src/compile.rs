//! From an OCI spec to a [`Plan`]: everything checked and parsed once, before anything is made.
//!
//! What we do not know is refused, never skipped: a container that runs with less than was asked for is worse than one
//! that does not run.

use std::path::{Component, Path, PathBuf};

use errdefs::{Result, invalid, not_implemented};
use idmap::{IdMap, Range};
use oci::runtime::{
    Hook as OciHook, NamespaceKind as OciKind, Process as OciProcess, Resources, RootfsPropagation, Spec,
};

use crate::capability;
use crate::hooks::{Hook, Hooks};
use crate::plan::{
    Capabilities, CgroupPlan, Filter, Namespace, NamespaceKind, NamespaceSource, Plan, Process, Propagation,
    Root, RootSource, User,
};
use crate::seccomp;

mod device;
mod limit;
mod mount;

pub use mount::SUBPATH;

/// What a spec does not say.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// The container's id.
    pub id: String,
    /// The bundle's directory, for relative paths in the spec.
    pub bundle: PathBuf,
    /// The root, if it is not the spec's `root.path`.
    pub root: Option<RootSource>,
    /// The user, if it is not the spec's numbers (Docker's `USER` string is looked up in the container).
    pub user: Option<User>,
    /// The filter ready compiled (a cache's); else the spec's `linux.seccomp` is compiled.
    pub filter: Option<Filter>,
    /// Takes the network namespace from [`crate::Given`] instead of making one.
    pub network_given: bool,
    /// Takes the user namespace from [`crate::Given`] instead of making one.
    pub user_given: bool,
    /// See [`CgroupPlan::layout`].
    pub layout: Option<cgroups::Layout>,
    /// See [`Plan::die_with_parent`].
    pub die_with_parent: bool,
}

/// Compiles a container.
///
/// # Errors
/// `InvalidParameter` for what is wrong in the spec, `NotImplemented` for what we cannot do (by name).
pub fn compile(spec: &Spec, options: &CompileOptions) -> Result<Plan> {
    refuse_unsupported(spec)?;
    let process = spec.process.as_ref().ok_or_else(|| invalid("process property must not be empty"))?;
    let linux = spec.linux.clone().unwrap_or_default();
    let namespaces = namespaces(&linux.namespaces, options)?;
    let ids = ids(&linux, &namespaces)?;
    let mounts = mount::compile(&spec.mounts, &options.bundle)?;
    let host_dev = mounts.iter().any(|m| mount::is_bind(m) && m.target == Path::new("/dev"));
    let name = |name: &String| (!name.is_empty()).then(|| name.clone());
    let own = |kind| namespaces.iter().any(|ns: &Namespace| ns.kind == kind);
    let named = !spec.hostname.is_empty() || !spec.domainname.is_empty();
    if named && !own(NamespaceKind::Uts) {
        return Err(invalid("unable to set hostname without a private UTS namespace"));
    }
    let filter = match (&options.filter, &linux.seccomp) {
        (Some(filter), _) => Some(filter.clone()),
        (None, Some(rules)) => Some(seccomp::compile(rules)?),
        (None, None) => None,
    };
    Ok(Plan {
        id: options.id.clone(),
        root: root(spec, options)?,
        mounts,
        // The host's own has its nodes.
        devices: if host_dev { Vec::new() } else { device::nodes(&linux.devices, root_of(ids.as_ref()))? },
        dev_links: !host_dev,
        masked_paths: linux.masked_paths.iter().map(|path| absolute(path)).collect::<Result<_>>()?,
        readonly_paths: linux.readonly_paths.iter().map(|path| absolute(path)).collect::<Result<_>>()?,
        hostname: name(&spec.hostname),
        domainname: name(&spec.domainname),
        sysctls: linux.sysctl.iter().map(|(key, value)| sysctl(key, value, &own)).collect::<Result<_>>()?,
        seccomp: filter,
        cgroup: Some(CgroupPlan {
            path: cgroup_path(&linux.cgroups_path, &options.id)?,
            limits: match &linux.resources {
                Some(resources) => limit::compile(resources, true)?,
                None => limit::compile(&Resources::default(), true)?,
            },
            layout: options.layout.clone(),
        }),
        process: compile_process(process, options.user.as_ref())?,
        ids,
        namespaces,
        die_with_parent: options.die_with_parent,
        hooks: hooks(spec, options)?,
    })
}

/// The hooks, if there are any.
fn hooks(spec: &Spec, options: &CompileOptions) -> Result<Option<Box<Hooks>>> {
    let Some(given) = &spec.hooks else { return Ok(None) };
    let mapped = spec.linux.as_ref().is_some_and(|linux| !linux.uid_mappings.is_empty());
    if mapped && *given != oci::runtime::Hooks::default() {
        return Err(not_implemented("hooks of a container with a user namespace are not supported"));
    }
    let list = |list: &Vec<OciHook>| -> Result<Vec<Hook>> {
        list.iter()
            .map(|hook| {
                if !hook.path.starts_with('/') {
                    return Err(invalid(format!("hook path {:?} is not absolute", hook.path)));
                }
                if hook.timeout == Some(0) {
                    return Err(invalid(format!("timeout of hook {} must be positive", hook.path)));
                }
                let OciHook { path, args, env, timeout } = hook.clone();
                Ok(Hook { path, args, env, timeout })
            })
            .collect()
    };
    let lists = [
        list(&given.prestart)?,
        list(&given.create_runtime)?,
        list(&given.create_container)?,
        list(&given.start_container)?,
        list(&given.poststart)?,
        list(&given.poststop)?,
    ];
    let any = lists.iter().any(|list| !list.is_empty());
    Ok(any.then(|| {
        Box::new(Hooks {
            id: options.id.clone(),
            bundle: options.bundle.clone(),
            config: None,
            annotations: spec.annotations.clone(),
            lists,
        })
    }))
}

/// Compiles a further process; `user` as in [`CompileOptions`].
///
/// # Errors
/// As [`compile`].
pub fn compile_process(process: &OciProcess, user: Option<&User>) -> Result<Process> {
    if process.args.is_empty() {
        return Err(invalid("args must not be empty"));
    }
    if process.args.iter().chain(&process.env).any(|text| text.contains('\0')) {
        return Err(invalid("arguments and environment must not contain null bytes"));
    }
    if process.scheduler.is_some() || process.io_priority.is_some() {
        return Err(not_implemented("process.scheduler and process.ioPriority are not supported"));
    }
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let user = user.cloned().unwrap_or_else(|| User::Ids {
        uid: process.user.uid,
        gid: process.user.gid,
        groups: process.user.additional_gids.clone(),
    });
    let cwd = if process.cwd.is_empty() { "/" } else { &process.cwd };
    Ok(Process {
        args: process.args.clone(),
        env: process.env.clone(),
        cwd: absolute(cwd).map_err(|_| invalid(format!("Cwd must be an absolute path: {cwd:?}")))?,
        user,
        capabilities: capabilities(process)?,
        no_new_privileges: process.no_new_privileges,
        rlimits: process.rlimits.iter().map(limit::rlimit).collect::<Result<_>>()?,
        oom_score_adj: process.oom_score_adj,
        umask: process.user.umask,
        terminal: process.terminal,
        console_size: match process.console_size {
            Some(size) => Some((console(size.height)?, console(size.width)?)),
            None => None,
        },
        apparmor_profile: text(&process.apparmor_profile),
        selinux_label: text(&process.selinux_label),
    })
}

/// Compiles limits, for a running container's update. Device rules are left as they are.
///
/// # Errors
/// As [`compile`].
pub fn compile_limits(resources: &Resources) -> Result<cgroups::Limits> {
    limit::compile(resources, false)
}

fn console(size: u32) -> Result<u16> {
    u16::try_from(size).map_err(|_| invalid(format!("console size {size} is out of range")))
}

fn refuse_unsupported(spec: &Spec) -> Result<()> {
    let Some(linux) = &spec.linux else { return Ok(()) };
    if linux.intel_rdt.is_some() {
        return Err(not_implemented("linux.intelRdt is not supported"));
    }
    if linux.personality.is_some() {
        return Err(not_implemented("linux.personality is not supported"));
    }
    if !linux.mount_label.is_empty() {
        return Err(not_implemented("SELinux mount labels are not supported"));
    }
    if !linux.time_offsets.is_empty() {
        return Err(not_implemented("time namespaces are not supported"));
    }
    Ok(())
}

/// The mapping of the user namespace. Without one there is nothing to map, and a namespace nobody has ids in is of no
/// use; both are mistakes that would otherwise end in a container with other rights than meant.
fn ids(linux: &oci::runtime::Linux, namespaces: &[Namespace]) -> Result<Option<IdMap>> {
    let ranges = |mappings: &[oci::runtime::IdMapping]| {
        let range =
            |m: &oci::runtime::IdMapping| Range { container: m.container_id, host: m.host_id, size: m.size };
        mappings.iter().map(range).collect::<Vec<_>>()
    };
    let (uids, gids) = (ranges(&linux.uid_mappings), ranges(&linux.gid_mappings));
    match namespaces.iter().any(|namespace| namespace.kind == NamespaceKind::User) {
        true => IdMap::new(uids, gids).map(Some),
        false if uids.is_empty() && gids.is_empty() => Ok(None),
        false => {
            Err(invalid("user namespace mappings specified, but user namespace isn't enabled in the config"))
        }
    }
}

/// What root of the container is on the host.
fn root_of(ids: Option<&IdMap>) -> (u32, u32) {
    ids.map_or((0, 0), IdMap::root)
}

fn root(spec: &Spec, options: &CompileOptions) -> Result<Root> {
    let root = spec.root.clone().unwrap_or_default();
    let source = match &options.root {
        Some(source) => source.clone(),
        None if root.path.is_empty() => return Err(invalid("root.path must not be empty")),
        None => RootSource::Path(options.bundle.join(&root.path)),
    };
    let propagation = spec.linux.as_ref().and_then(|linux| linux.rootfs_propagation);
    Ok(Root { source, readonly: root.readonly, propagation: propagation.map(root_propagation) })
}

fn root_propagation(wanted: RootfsPropagation) -> Propagation {
    use RootfsPropagation::{Private, Rprivate, Rshared, Rslave, Runbindable, Shared, Slave, Unbindable};
    use sys::mount::{PRIVATE, SHARED, SLAVE, UNBINDABLE};
    let (kind, recursive) = match wanted {
        Shared => (SHARED, false),
        Rshared => (SHARED, true),
        Slave => (SLAVE, false),
        Rslave => (SLAVE, true),
        Private => (PRIVATE, false),
        Rprivate => (PRIVATE, true),
        Unbindable => (UNBINDABLE, false),
        Runbindable => (UNBINDABLE, true),
    };
    Propagation { kind, recursive }
}

fn namespaces(wanted: &[oci::runtime::Namespace], options: &CompileOptions) -> Result<Vec<Namespace>> {
    let mut found: Vec<Namespace> = Vec::new();
    for namespace in wanted {
        let kind = match namespace.kind {
            OciKind::Pid => NamespaceKind::Pid,
            OciKind::Network => NamespaceKind::Network,
            OciKind::Mount => NamespaceKind::Mount,
            OciKind::Ipc => NamespaceKind::Ipc,
            OciKind::Uts => NamespaceKind::Uts,
            OciKind::Cgroup => NamespaceKind::Cgroup,
            OciKind::User => NamespaceKind::User,
            OciKind::Time => return Err(not_implemented("time namespaces are not supported")),
        };
        if found.iter().any(|ns| ns.kind == kind) {
            return Err(invalid(format!("duplicated namespace: {kind:?}")));
        }
        let how = match (kind, namespace.path.as_str()) {
            (NamespaceKind::Network, "") if options.network_given => NamespaceSource::Given,
            (NamespaceKind::User, "") if options.user_given => NamespaceSource::Given,
            (_, "") => NamespaceSource::New,
            (NamespaceKind::Mount, _) => {
                return Err(not_implemented("joining a mount namespace is not supported"));
            }
            (_, path) => NamespaceSource::Path(absolute(path)?),
        };
        found.push(Namespace { kind, how });
    }
    if !found.iter().any(|ns| ns.kind == NamespaceKind::Mount) {
        return Err(not_implemented("a container without a mount namespace of its own is not supported"));
    }
    Ok(found)
}

fn capabilities(process: &OciProcess) -> Result<Capabilities> {
    // No block means no capabilities, not the engine's.
    let Some(sets) = &process.capabilities else { return Ok(Capabilities::default()) };
    let mask = |names: &[String]| -> Result<u64> {
        names.iter().try_fold(0, |mask, name| {
            let bit = capability::bit(name).ok_or_else(|| invalid(format!("unknown capability {name:?}")))?;
            Ok(mask | bit)
        })
    };
    Ok(Capabilities {
        bounding: mask(&sets.bounding)?,
        effective: mask(&sets.effective)?,
        permitted: mask(&sets.permitted)?,
        inheritable: mask(&sets.inheritable)?,
        ambient: mask(&sets.ambient)?,
    })
}

/// A path inside the container: absolute, made plain (no `.`, no `..` above the root).
fn absolute(path: &str) -> Result<PathBuf> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(invalid(format!("path must be absolute: {path:?}")));
    }
    let mut plain = PathBuf::from("/");
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => {
                plain.pop();
            }
            _ => {}
        }
    }
    Ok(plain)
}

fn cgroup_path(path: &str, id: &str) -> Result<String> {
    if path.contains(':') {
        return Err(not_implemented(
            "the systemd cgroup driver is not supported: linux.cgroupsPath must be a path",
        ));
    }
    let joined = match path {
        "" if id.is_empty() => return Err(invalid("a container needs an id or a cgroupsPath")),
        "" => format!("{}/{id}", cgroups::DEFAULT_PARENT),
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative => format!("{}/{relative}", cgroups::DEFAULT_PARENT),
    };
    if Path::new(&joined).components().any(|part| part == Component::ParentDir) {
        return Err(invalid(format!("invalid cgroupsPath: {path:?}")));
    }
    Ok(joined)
}

/// Kernel parameters that belong to a namespace, by prefix or name, and which one.
const SYSCTLS: [(&str, NamespaceKind); 12] = [
    ("net/", NamespaceKind::Network),
    ("fs/mqueue/", NamespaceKind::Ipc),
    ("kernel/msgmax", NamespaceKind::Ipc),
    ("kernel/msgmnb", NamespaceKind::Ipc),
    ("kernel/msgmni", NamespaceKind::Ipc),
    ("kernel/sem", NamespaceKind::Ipc),
    ("kernel/shmall", NamespaceKind::Ipc),
    ("kernel/shmmax", NamespaceKind::Ipc),
    ("kernel/shmmni", NamespaceKind::Ipc),
    ("kernel/shm_rmid_forced", NamespaceKind::Ipc),
    ("kernel/domainname", NamespaceKind::Uts),
    ("kernel/hostname", NamespaceKind::Uts),
];

/// A kernel parameter as a file below `/proc/sys`. One that is not a namespace's own would change the host, and is
/// refused.
fn sysctl(key: &str, value: &str, own: &impl Fn(NamespaceKind) -> bool) -> Result<(String, String)> {
    // As `sysctl(8)`: the first separator decides which is one, the other is part of a name (`net.ipv4.conf.eth0/1`).
    let name = match key.find(['.', '/']).map(|at| &key[at..=at]) {
        Some(".") => key
            .chars()
            .map(|c| {
                if c == '.' {
                    '/'
                } else if c == '/' {
                    '.'
                } else {
                    c
                }
            })
            .collect(),
        _ => key.to_owned(),
    };
    if name.split('/').any(|part| part.is_empty() || part == "." || part == "..") || key.contains('\0') {
        return Err(invalid(format!("invalid sysctl name {key:?}")));
    }
    let matches = |known: &str| if known.ends_with('/') { name.starts_with(known) } else { name == known };
    match SYSCTLS.iter().find(|(known, _)| matches(known)) {
        Some(&(_, kind)) if own(kind) => Ok((name, value.to_owned())),
        Some((_, NamespaceKind::Network)) => {
            Err(invalid(format!("sysctl {key:?} not allowed in host network namespace")))
        }
        Some((_, kind)) => Err(invalid(format!(
            "sysctl {key:?} is not allowed in the hosts {} namespace",
            format!("{kind:?}").to_lowercase()
        ))),
        None => Err(invalid(format!("sysctl {key:?} is not in a separate kernel namespace"))),
    }
}

#[cfg(test)]
mod tests;
