//! A further process in a running container, step by step.
//!
//! Nothing in the container is trusted or needed: no program of it runs before the one asked for, no `/proc` of it is
//! read, and until `execve` nobody inside can look into this process.

use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use cgroups::Cgroup;
use rustix::fs::{Mode, OFlags, PROC_SUPER_MAGIC, fstatfs, open};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use crate::channel::ChildEnd;
use crate::container::detach;
use crate::launch::Io;
use crate::outcome::{StartError, failed};
use crate::plan::{ExecPlan, NamespaceKind};
use crate::process::{self, Context, Done};
use crate::remapped::become_root;
use crate::rootfs::new_procfs;
use crate::terminal;
use crate::tree::Tree;

/// Becomes the process; returns only why it could not.
pub(crate) fn join_container(
    plan: &ExecPlan,
    init: BorrowedFd<'_>,
    io: Io<'_>,
    cgroup: Option<&Cgroup>,
    root: Option<(u32, u32)>,
    channel: &ChildEnd,
) -> Result<Infallible, StartError> {
    detach()?;
    // In the groups first: from here on the container's limits hold. By their host paths, which are gone after the next step.
    if let Some(cgroup) = cgroup {
        cgroup.join()?;
    }
    let mut warnings = Vec::new();
    let (procfs, done) = match root {
        // Inside a user namespace neither could be done any more.
        Some(root) => {
            let procfs = new_procfs().map_err(|errno| failed("mount a private /proc", errno))?;
            warnings = process::settle(&plan.process, io, Some(procfs.as_fd()), root)?;
            (Some(procfs), Done::Settled)
        }
        // The host's is at hand now and trusted as the container's is not. To make one would do too, but the kernel waits
        // for all processors when it is closed again.
        None => match host_procfs() {
            Some(host) => {
                process::adjust_oom_score(&plan.process, Some(host.as_fd()), &mut warnings)?;
                (None, Done::Score)
            }
            None => (None, Done::Nothing),
        },
    };
    let namespaces = plan.namespaces.iter().fold(ThreadNameSpaceType::empty(), |all, kind| {
        all | match kind {
            NamespaceKind::Network => ThreadNameSpaceType::NETWORK,
            NamespaceKind::Mount => ThreadNameSpaceType::MOUNT,
            NamespaceKind::Ipc => ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION,
            NamespaceKind::Uts => ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
            NamespaceKind::Cgroup => ThreadNameSpaceType::CONTROL_GROUP,
            NamespaceKind::User => ThreadNameSpaceType::USER,
            // Born in it.
            NamespaceKind::Pid => ThreadNameSpaceType::empty(),
        }
    });
    // All at once or none. Root and working directory become the container's root.
    move_into_thread_name_spaces(init, namespaces)
        .map_err(|errno| failed("join the container's namespaces", errno))?;
    if root.is_some() {
        become_root()?;
    }
    let tree = Tree::current().map_err(|errno| failed("open /", errno))?;
    let terminal = match plan.process.terminal || matches!(io, Io::Terminal) {
        true => Some(terminal::open(&tree, plan.process.console_size)?),
        false => None,
    };
    let context = Context {
        tree: &tree,
        procfs: procfs.as_ref().map(AsFd::as_fd),
        id: &plan.id,
        seccomp: plan.seccomp.as_ref(),
        die_with_parent: plan.die_with_parent,
        make_cwd: false,
        start: None,
        done,
        hooks: None,
        warnings,
    };
    process::run(&plan.process, context, io, terminal, channel)
}

/// The host's `/proc`, if that is what is there.
fn host_procfs() -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let procfs = open("/proc", flags, Mode::empty()).ok()?;
    (fstatfs(&procfs).ok()?.f_type == PROC_SUPER_MAGIC).then_some(procfs)
}
