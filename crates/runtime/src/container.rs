//! The first process of a container, step by step, from `clone3` to `execve`.

use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, Uid};
use rustix::process::{setsid, umask};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space, set_thread_res_uid};
use sys::fork::{NewNamespaces, unshare};

use crate::channel::ChildEnd;
use crate::hooks::Point;
use crate::launch::{Given, Io, Place};
use crate::outcome::{StartError, failed};
use crate::plan::{MountSource, NamespaceKind, NamespaceSource, Plan};
use crate::process::{self, Context, Done};
use crate::rootfs::prepare::Prepared;
use crate::rootfs::{self, Rootfs};
use crate::terminal;
use crate::tree::Tree;

/// Becomes the container's first process; returns only why it could not.
pub(crate) fn become_container(
    plan: &Plan,
    io: Io<'_>,
    given: Given<'_>,
    place: Place<'_>,
    channel: &mut ChildEnd,
) -> Result<Infallible, StartError> {
    detach()?;
    join_namespaces(plan, given)?;
    name_host(plan)?;
    // Modes are given exactly; the process's own mask is set at the end.
    umask(Mode::empty());
    let mut rootfs = furnish(plan, Prepared::default())?;
    if let Some(cgroup) = place.cgroup {
        channel.wait_for_cgroup()?;
        cgroup.join()?;
    }
    join_cgroup_namespace(plan)?;
    if plan.mounts.iter().any(|mount| mount.what == MountSource::Cgroup) {
        rootfs.mount_cgroups(plan, place.layout)?;
    }
    let wants_terminal = plan.process.terminal || matches!(io, Io::Terminal);
    let terminal = match wants_terminal {
        true => Some(terminal::open(&rootfs.tree, plan.process.console_size)?),
        false => None,
    };
    if let Some(terminal) = &terminal {
        rootfs.mount_console(&terminal.peer)?;
    }
    let procfs = finish(plan, rootfs, || match &plan.hooks {
        Some(hooks) => {
            if hooks.before_root() {
                channel.wait_for_hooks()?;
            }
            hooks.run_inside(Point::CreateContainer)
        }
        None => Ok(()),
    })?;
    let tree = Tree::current().map_err(|errno| failed("open /", errno))?;
    let context = Context {
        tree: &tree,
        procfs: procfs.as_ref().map(AsFd::as_fd),
        id: &plan.id,
        seccomp: plan.seccomp.as_ref(),
        die_with_parent: plan.die_with_parent,
        make_cwd: true,
        start: given.start,
        done: Done::Nothing,
        hooks: plan.hooks.as_deref(),
        warnings: Vec::new(),
    };
    process::run(&plan.process, context, io, terminal, channel)
}

/// Makes the root with its mounts and devices, but for the control groups'.
pub(crate) fn furnish(plan: &Plan, prepared: Prepared) -> Result<Rootfs, StartError> {
    let has_root = plan.namespaces.iter().any(|ns| ns.kind == NamespaceKind::Mount);
    if !has_root {
        return Err(StartError::other("a container without a mount namespace of its own is not supported"));
    }
    let mut rootfs = rootfs::begin(plan, prepared)?;
    for (index, mount) in plan.mounts.iter().enumerate() {
        rootfs.mount(index, mount)?;
    }
    rootfs.make_devices(&plan.devices)?;
    if plan.dev_links {
        rootfs.make_dev_links()?;
    }
    Ok(rootfs)
}

/// Sets, hides and protects what the plan says, and makes it the root. Gives the procfs.
pub(crate) fn finish(
    plan: &Plan,
    rootfs: Rootfs,
    before_pivot: impl FnOnce() -> Result<(), StartError>,
) -> Result<Option<OwnedFd>, StartError> {
    set_parameters(plan, &rootfs)?;
    rootfs.make_read_only(&plan.readonly_paths)?;
    rootfs.mask(&plan.masked_paths)?;
    if plan.root.readonly {
        // The working directory can only be made now. Why it could not be is told when it is entered.
        let _ = rootfs.tree.ensure(&plan.process.cwd, crate::tree::Make::Directory);
    }
    before_pivot()?;
    rootfs.pivot(plan)
}

/// Out of reach of the engine's terminal, and of whoever is in the namespaces about to be shared: a process that cannot
/// be dumped cannot be traced or looked into, until `execve` ends that.
pub(crate) fn detach() -> Result<(), StartError> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|errno| failed("PR_SET_DUMPABLE", errno))?;
    setsid().map(drop).map_err(|errno| failed("setsid", errno))
}

/// Opens a namespace's file.
pub(crate) fn open_namespace(path: &Path) -> Result<OwnedFd, StartError> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| failed(format_args!("open namespace {}", path.display()), errno))
}

/// Joins the namespaces that others made. (The PID namespace this process was born in.)
pub(crate) fn join_namespaces(plan: &Plan, given: Given<'_>) -> Result<(), StartError> {
    for namespace in &plan.namespaces {
        let kind = match namespace.kind {
            NamespaceKind::Network => LinkNameSpaceType::Network,
            NamespaceKind::Ipc => LinkNameSpaceType::InterProcessCommunication,
            NamespaceKind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
            NamespaceKind::Cgroup => LinkNameSpaceType::ControlGroup,
            // The process was born in the one, makes the other, and was in the third before it came here.
            NamespaceKind::Pid | NamespaceKind::Mount | NamespaceKind::User => continue,
        };
        let join = |fd| {
            move_into_link_name_space(fd, Some(kind))
                .map_err(|errno| failed(format_args!("join the {:?} namespace", namespace.kind), errno))
        };
        match &namespace.how {
            NamespaceSource::New => {}
            NamespaceSource::Path(path) => join(open_namespace(path)?.as_fd())?,
            NamespaceSource::Given => {
                join(given.network.ok_or_else(|| StartError::other("no network namespace was given"))?)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn name_host(plan: &Plan) -> Result<(), StartError> {
    if let Some(name) = &plan.hostname {
        rustix::system::sethostname(name.as_bytes()).map_err(|errno| failed("sethostname", errno))?;
    }
    if let Some(name) = &plan.domainname {
        rustix::system::setdomainname(name.as_bytes()).map_err(|errno| failed("setdomainname", errno))?;
    }
    Ok(())
}

/// Made only now that this process is in its group, which becomes the namespace's root.
pub(crate) fn join_cgroup_namespace(plan: &Plan) -> Result<(), StartError> {
    let wanted =
        |ns: &crate::plan::Namespace| ns.kind == NamespaceKind::Cgroup && ns.how == NamespaceSource::New;
    if plan.namespaces.iter().any(wanted) {
        unshare(NewNamespaces::CGROUP).map_err(|e| failed("unshare the cgroup namespace", e.errno()))?;
    }
    Ok(())
}

/// Sets kernel parameters of the container's namespaces, through a procfs of our own making.
fn set_parameters(plan: &Plan, rootfs: &Rootfs) -> Result<(), StartError> {
    if plan.sysctls.is_empty() {
        return Ok(());
    }
    let own;
    let procfs = match &rootfs.procfs {
        Some(fd) => fd,
        None => {
            own = rootfs::new_procfs().map_err(|errno| failed("mount a private /proc", errno))?;
            &own
        }
    };
    for (name, value) in &plan.sysctls {
        let write = || set_parameter(procfs, name, value);
        match &plan.ids {
            // Those of an IPC namespace may be written by whom they belong to, and by no other, whatever his rights.
            Some(ids) if name.starts_with("kernel/") || name.starts_with("fs/") => {
                as_user(ids.root(), write)?
            }
            _ => write()?,
        }
    }
    Ok(())
}

fn set_parameter(procfs: &OwnedFd, name: &str, value: &str) -> Result<(), StartError> {
    let file = rootfs::open_in_procfs(procfs.as_fd(), &format!("sys/{name}"))
        .map_err(|errno| failed(format_args!("open sysctl {} file", name.replace('/', ".")), errno))?;
    rustix::io::write(&file, value.as_bytes())
        .map(drop)
        .map_err(|errno| failed(format_args!("write sysctl {} = {value:?}", name.replace('/', ".")), errno))
}

/// Does `work` with the rights of a user alone, and is root of the host again, who makes files as that user.
fn as_user<T>((uid, gid): (u32, u32), work: impl FnOnce() -> Result<T, StartError>) -> Result<T, StartError> {
    let (root, user) = (Uid::ROOT, Uid::from_raw(uid));
    let change = |effective| {
        set_thread_res_uid(root, effective, root)
            .map_err(|errno| failed("act as the container's root", errno))
    };
    change(user)?;
    let done = work();
    change(root)?;
    sys::identity::set_file_ids(uid, gid).map_err(|e| failed("act as the container's root", e.errno()))?;
    done
}
