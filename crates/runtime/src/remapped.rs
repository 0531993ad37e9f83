//! A container in a user namespace: who may do what, and so which process does it.
//!
//! Root of the namespace is nobody on the host: it may not mount an overlay of the host's layers, make device nodes or
//! raise limits. Root of the host may, but cannot have namespaces made that belong to the user namespace. So three
//! children take part, each a copy of the caller:
//!
//! - the *scout* settles what takes the host's rights and is inherited (limits, streams), enters the user namespace, has
//!   the first process made there together with the other namespaces, hands over its descriptor, and exits;
//! - the *first process* is root of the namespace from its birth and never anything else. It makes the mounts that
//!   take their ids from their maker, and waits;
//! - the *builder* is root of the host in the first process's namespaces. It makes all other mounts, puts everything in
//!   its place, changes the root (which moves the first process along), and exits before any program of the container
//!   runs. It cannot be traced or looked into from inside.
//!
//! With layers of the host shown through idmapped mounts, what is on disk has the container's ids: images, commits and
//! diffs are the same with and without user namespaces.

use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Gid, Mode, Uid, fchown};
use rustix::process::{Pid, WaitId, WaitIdOptions, umask, waitid};
use rustix::thread::{
    LinkNameSpaceType, ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use sys::fork::{Forked, NewNamespaces, clone3, clone3_sibling, exit_now};

use crate::channel::{ChildEnd, ParentEnd};
use crate::container::{
    detach, finish, furnish, join_cgroup_namespace, join_namespaces, name_host, open_namespace,
};
use crate::launch::{
    Born, Given, Io, JoinPid, Place, in_pid_namespace, new_namespaces, pid_namespace_to_join, run_child,
    system,
};
use crate::outcome::{StartError, failed};
use crate::plan::{MountSource, NamespaceKind, NamespaceSource, Plan};
use crate::process::{self, Context, Done};
use crate::rootfs::prepare::{made_inside, prepare};
use crate::rootfs::{self, new_of};
use crate::terminal::{self, Terminal};
use crate::tree::Tree;

/// What the first process and the builder say to each other.
const JOINED: u8 = b'j';
const MOUNT: u8 = b'm';
const GROUPED: u8 = b'c';
const BUILT: u8 = b'b';
/// Bits of the second byte of [`BUILT`]: which descriptors come along.
const WITH_PROCFS: u8 = 1;
const WITH_TERMINAL: u8 = 2;

/// Makes the first process and its builder.
pub(crate) fn fork(
    plan: &Plan,
    io: Io<'_>,
    given: Given<'_>,
    place: Place<'_>,
    (parent_end, child_end): (ParentEnd, ChildEnd),
) -> Result<Born, StartError> {
    let user = user_namespace(plan, given)?;
    let (site, of_builder) = sys::socket::packet_pair().map_err(system)?;
    let (news, of_scout) = sys::socket::packet_pair().map_err(system)?;
    let group = place.cgroup.and_then(cgroups::Cgroup::unified);
    let scout_fd = match clone3(NewNamespaces::empty(), group).map_err(system)? {
        Forked::Child => {
            drop((parent_end, of_builder, news));
            let scout = Scout { plan, io, given, user: user.as_fd(), site };
            run_child(child_end, |channel| scout.run(of_scout, channel))
        }
        Forked::Parent { pidfd, .. } => pidfd,
    };
    drop((site, of_scout));
    let born = sys::socket::receive(&news, &mut [0; 4]).map_err(system);
    let _ = rustix::io::retry_on_intr(|| waitid(WaitId::PidFd(scout_fd.as_fd()), WaitIdOptions::EXITED));
    let first = match born?.1.into_iter().next() {
        Some(first) => first,
        None => return Err(last_words(&parent_end, child_end)),
    };
    let pid = pid_of(first.as_fd())?;
    let join = plan.namespaces.iter().any(|ns| ns.kind == NamespaceKind::Pid);
    let forked =
        in_pid_namespace(join.then_some(JoinPid::Of(first.as_fd())), || clone3(NewNamespaces::empty(), None));
    match forked {
        Ok(Forked::Child) => {
            drop(parent_end);
            let builder =
                Builder { plan, io, place, user: user.as_fd(), first: first.as_fd(), site: of_builder };
            run_child(child_end, |channel| builder.run(channel))
        }
        Ok(Forked::Parent { pidfd, .. }) => {
            Ok(Born { pid, pidfd: first, channel: parent_end, builder: Some(pidfd) })
        }
        Err(error) => {
            let _ = sys::signal::send(&first, 9);
            let _ = waitid(WaitId::PidFd(first.as_fd()), WaitIdOptions::EXITED);
            Err(error)
        }
    }
}

/// Why there is no first process: what the scout said, which has exited.
fn last_words(parent_end: &ParentEnd, child_end: ChildEnd) -> StartError {
    // Nobody else holds it now, so there is an end to what can be read.
    drop(child_end);
    match parent_end.receive() {
        Ok(Some((crate::channel::FromChild::Failed(error), _))) => error,
        _ => StartError::other("the container's first process could not be made in its user namespace"),
    }
}

fn user_namespace(plan: &Plan, given: Given<'_>) -> Result<OwnedFd, StartError> {
    let missing = || StartError::other("no user namespace was given");
    let wanted = plan.namespaces.iter().find(|ns| ns.kind == NamespaceKind::User).map(|ns| &ns.how);
    match (wanted, &plan.ids) {
        (Some(NamespaceSource::New), Some(ids)) => Ok(idmap::Namespaces::make(ids, false)?.user),
        (Some(NamespaceSource::Path(path)), _) => open_namespace(path),
        (Some(NamespaceSource::Given), _) => {
            let given = given.user.ok_or_else(missing)?;
            given.try_clone_to_owned().map_err(|error| StartError::other(error.to_string()))
        }
        _ => Err(missing()),
    }
}

/// What a running process's root is on the host.
pub(crate) fn root_of(pidfd: BorrowedFd<'_>) -> Result<(u32, u32), StartError> {
    let pid = pid_of(pidfd)?;
    let gone = || StartError::new("cannot exec in a stopped container");
    idmap::of_process(pid.as_raw_nonzero().get().unsigned_abs()).map_err(|_| gone())?.ok_or_else(gone)
}

/// The number of a descriptor's process in this process's own PID namespace.
fn pid_of(pidfd: BorrowedFd<'_>) -> Result<Pid, StartError> {
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let text = std::fs::read_to_string(&path).map_err(|e| StartError::other(format!("read {path}: {e}")))?;
    text.lines()
        .find_map(|line| {
            Pid::from_raw(line.strip_prefix("Pid:")?.trim().parse().ok().filter(|pid| *pid > 0)?)
        })
        .ok_or_else(|| StartError::other("the container's first process is gone"))
}

/// Takes the ids of the namespace's root: whoever enters one still has those of outside, which are nobody's inside.
pub(crate) fn become_root() -> Result<(), StartError> {
    let (uid, gid) = (Uid::ROOT, Gid::ROOT);
    set_thread_groups(&[]).map_err(|e| failed("setgroups in the user namespace", e))?;
    set_thread_res_gid(gid, gid, gid).map_err(|e| failed("setgid in the user namespace", e))?;
    set_thread_res_uid(uid, uid, uid).map_err(|e| failed("setuid in the user namespace", e))
}

struct Scout<'a> {
    plan: &'a Plan,
    io: Io<'a>,
    given: Given<'a>,
    user: BorrowedFd<'a>,
    /// The first process's end of what it shares with the builder.
    site: OwnedFd,
}

impl Scout<'_> {
    fn run(self, news: OwnedFd, channel: &mut ChildEnd) -> Result<Infallible, StartError> {
        let plan = self.plan;
        detach()?;
        let root = plan.ids.as_ref().map_or((0, 0), idmap::IdMap::root);
        let warnings = process::settle(&plan.process, self.io, None, root)?;
        // While it still may, whomever they belong to; they are inherited.
        join_namespaces(plan, self.given)?;
        if let Some(pid) = pid_namespace_to_join(plan)? {
            move_into_link_name_space(pid.as_fd(), Some(LinkNameSpaceType::ProcessID))
                .map_err(|errno| failed("join the Pid namespace", errno))?;
        }
        move_into_link_name_space(self.user, Some(LinkNameSpaceType::User))
            .map_err(|errno| failed("join the User namespace", errno))?;
        // So that what the kernel makes along with a namespace belongs to it.
        become_root()?;
        match clone3_sibling(new_namespaces(plan)).map_err(system)? {
            Forked::Child => {
                drop(news);
                self.become_first(warnings, channel)
            }
            Forked::Parent { pidfd, .. } => {
                sys::socket::send(&news, b"pid", &[pidfd.as_fd()]).map_err(system)?;
                exit_now(0)
            }
        }
    }

    /// The first process, from its birth on.
    fn become_first(self, warnings: Vec<String>, channel: &mut ChildEnd) -> Result<Infallible, StartError> {
        let plan = self.plan;
        detach()?;
        name_host(plan)?;
        umask(Mode::empty());
        let tell = |byte: u8, fds: &[BorrowedFd<'_>]| {
            sys::socket::send(&self.site, &[byte], fds).map(drop).map_err(system)
        };
        tell(JOINED, &[])?;
        for mount in plan.mounts.iter().filter(|mount| made_inside(mount)) {
            tell(MOUNT, &[new_of(mount)?.as_fd()])?;
        }
        channel.wait_for_cgroup()?;
        join_cgroup_namespace(plan)?;
        tell(GROUPED, &[])?;
        let (procfs, terminal) = built(&self.site)?;
        // The root was changed by somebody else, who could not do this.
        rustix::process::chdir("/").map_err(|errno| failed("chdir /", errno))?;
        let tree = Tree::current().map_err(|errno| failed("open /", errno))?;
        let context = Context {
            tree: &tree,
            procfs: procfs.as_ref().map(AsFd::as_fd),
            id: &plan.id,
            seccomp: plan.seccomp.as_ref(),
            die_with_parent: plan.die_with_parent,
            make_cwd: true,
            start: self.given.start,
            done: Done::Settled,
            hooks: None,
            warnings,
        };
        process::run(&plan.process, context, self.io, terminal, channel)
    }
}

/// Waits for the builder's last word.
fn built(site: &OwnedFd) -> Result<(Option<OwnedFd>, Option<Terminal>), StartError> {
    let mut bytes = [0; 2];
    let (count, fds) = sys::socket::receive(site, &mut bytes).map_err(system)?;
    if count != 2 || bytes[0] != BUILT {
        // It has said why to the one who waits for us.
        return Err(StartError::other("the container's mounts could not be made"));
    }
    let mut fds = fds.into_iter();
    let procfs = if bytes[1] & WITH_PROCFS != 0 { fds.next() } else { None };
    let terminal = if bytes[1] & WITH_TERMINAL != 0 { fds.next().zip(fds.next()) } else { None };
    Ok((procfs, terminal.map(|(master, peer)| Terminal { master, peer })))
}

struct Builder<'a> {
    plan: &'a Plan,
    io: Io<'a>,
    place: Place<'a>,
    user: BorrowedFd<'a>,
    first: BorrowedFd<'a>,
    /// Its end of what it shares with the first process.
    site: OwnedFd,
}

impl Builder<'_> {
    fn run(self, _channel: &ChildEnd) -> Result<Infallible, StartError> {
        let plan = self.plan;
        detach()?;
        umask(Mode::empty());
        let root = plan.ids.as_ref().map_or((0, 0), idmap::IdMap::root);
        self.expect(JOINED);
        self.join(&[NamespaceKind::Network, NamespaceKind::Ipc, NamespaceKind::Uts])?;
        let mut prepared = prepare(plan, self.user, root)?;
        for (index, _) in plan.mounts.iter().enumerate().filter(|(_, mount)| made_inside(mount)) {
            let fd = self.expect(MOUNT);
            prepared.add(index, fd.ok_or_else(|| StartError::other("a mount without its descriptor"))?);
        }
        self.join(&[NamespaceKind::Mount])?;
        let mut rootfs = furnish(plan, prepared)?;
        self.expect(GROUPED);
        if plan.mounts.iter().any(|mount| mount.what == MountSource::Cgroup) {
            self.join(&[NamespaceKind::Cgroup])?;
            rootfs.mount_cgroups(plan, self.place.layout)?;
        }
        let terminal = match plan.process.terminal || matches!(self.io, Io::Terminal) {
            true => Some(self.terminal(&rootfs, root)?),
            false => None,
        };
        let procfs = finish(plan, rootfs, || Ok(()))?;
        let mut bits = 0;
        let mut fds: Vec<BorrowedFd<'_>> = Vec::new();
        if let Some(procfs) = &procfs {
            bits |= WITH_PROCFS;
            fds.push(procfs.as_fd());
        }
        if let Some(terminal) = &terminal {
            bits |= WITH_TERMINAL;
            fds.extend([terminal.master.as_fd(), terminal.peer.as_fd()]);
        }
        sys::socket::send(&self.site, &[BUILT, bits], &fds).map_err(system)?;
        exit_now(0)
    }

    /// Waits for the first process to say this. If it is gone, it has said why itself.
    fn expect(&self, wanted: u8) -> Option<OwnedFd> {
        let mut byte = [0; 1];
        match sys::socket::receive(&self.site, &mut byte) {
            Ok((1, fds)) if byte[0] == wanted => fds.into_iter().next(),
            _ => exit_now(1),
        }
    }

    /// Enters namespaces of the first process, those of `kinds` that the plan has.
    fn join(&self, kinds: &[NamespaceKind]) -> Result<(), StartError> {
        let wanted = plan_kinds(self.plan, kinds);
        if wanted.is_empty() {
            return Ok(());
        }
        move_into_thread_name_spaces(self.first, wanted)
            .map_err(|errno| failed("join the container's namespaces", errno))
    }

    /// The terminal, belonging to the container's root from the start.
    fn terminal(&self, rootfs: &rootfs::Rootfs, root: (u32, u32)) -> Result<Terminal, StartError> {
        let terminal = terminal::open(&rootfs.tree, self.plan.process.console_size)?;
        fchown(&terminal.peer, Some(Uid::from_raw(root.0)), None)
            .map_err(|errno| failed("chown of the terminal", errno))?;
        rootfs.mount_console(&terminal.peer)?;
        Ok(terminal)
    }
}

fn plan_kinds(plan: &Plan, kinds: &[NamespaceKind]) -> ThreadNameSpaceType {
    let of = |kind: NamespaceKind| match kind {
        NamespaceKind::Network => ThreadNameSpaceType::NETWORK,
        NamespaceKind::Mount => ThreadNameSpaceType::MOUNT,
        NamespaceKind::Ipc => ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION,
        NamespaceKind::Uts => ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
        NamespaceKind::Cgroup => ThreadNameSpaceType::CONTROL_GROUP,
        NamespaceKind::Pid | NamespaceKind::User => ThreadNameSpaceType::empty(),
    };
    let wanted = plan.namespaces.iter().filter(|ns| kinds.contains(&ns.kind));
    wanted.fold(ThreadNameSpaceType::empty(), |all, ns| all | of(ns.kind))
}
