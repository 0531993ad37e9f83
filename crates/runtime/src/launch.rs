//! The parent's side of a start: the child is made, put into its groups, listened to, and told to execute.
//!
//! The control groups are made after the child, while it makes its mounts: the two halves of a start run on two
//! processors. Only the v2 directory comes first, so that the child is born in it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use cgroups::{Cgroup, Layout};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::thread::{
    LinkNameSpaceType, ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces,
};
use sys::fork::{Forked, NewNamespaces, clone3, exit_now};

use crate::channel::{self, ChildEnd, FromChild, FromParent, ParentEnd};
use crate::hooks::{Hooks, Point};
use crate::outcome::{self, StartError};
use crate::plan::{ExecPlan, NamespaceKind, NamespaceSource, Plan};
use crate::{container, enter, remapped};

/// The standard streams of a process to be made.
#[derive(Debug, Clone, Copy)]
pub enum Io<'a> {
    /// Those of the caller.
    Inherit,
    /// These descriptors.
    Streams {
        /// Becomes 0.
        stdin: BorrowedFd<'a>,
        /// Becomes 1.
        stdout: BorrowedFd<'a>,
        /// Becomes 2.
        stderr: BorrowedFd<'a>,
    },
    /// A new pseudo terminal of the container's own; its master end is in [`Created::console`]. Also used whenever the
    /// plan says `terminal`.
    Terminal,
}

/// What the caller already holds for the container.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The network namespace, for [`NamespaceSource::Given`].
    pub network: Option<BorrowedFd<'a>>,
    /// The user namespace, likewise. It must have the plan's ids.
    pub user: Option<BorrowedFd<'a>>,
    /// The host's hierarchies, if the caller knows them already; they are looked for otherwise.
    pub layout: Option<&'a Layout>,
    /// A listening packet socket the prepared process waits on, instead of on the caller, which may then go away
    /// (`create` of the command line).
    pub start: Option<BorrowedFd<'a>>,
    /// The caller runs the hooks that run outside the container: those before the change of root when
    /// [`Creating::hooks_due`] says so, and those of the end whatever happens. It must not wait for them itself.
    pub hooks_apart: bool,
}

/// A process being prepared. Poll [`Creating::fd`] for reading and call [`Creating::advance`], or just
/// [`Creating::wait`]. If it is dropped the process exits by itself, and the caller has a zombie to reap.
#[derive(Debug)]
pub struct Creating {
    pid: Pid,
    pidfd: OwnedFd,
    channel: ParentEnd,
    cgroup: Option<Cgroup>,
    /// The process that makes its mounts, if it is not itself.
    builder: Option<OwnedFd>,
    /// Those that are not the caller's.
    hooks: Option<Box<Hooks>>,
    hooks_due: bool,
    /// It has leave to execute already.
    goes_on: bool,
}

/// A process that is prepared and, if it is a container's first, waits for [`Created::start`]: if this is dropped before, it
/// exits by itself. One that [`exec`] made does not wait. The caller reaps the process and removes the group.
#[derive(Debug)]
pub struct Created {
    /// The process, as the caller's PID namespace numbers it.
    pub pid: Pid,
    /// Its descriptor, readable once it has exited.
    pub pidfd: OwnedFd,
    /// The master end of its terminal, if it has one.
    pub console: Option<OwnedFd>,
    /// The container's control group (`None` for [`exec`], and if the plan has none).
    pub cgroup: Option<Cgroup>,
    /// What could not be done and was left out, for the caller's log.
    pub warnings: Vec<String>,
    channel: Option<ParentEnd>,
    /// It has leave to execute already.
    goes_on: bool,
}

/// A process told to execute its program. Poll [`Starting::fd`] for reading and call [`Starting::advance`], or just
/// [`Starting::wait`].
#[derive(Debug)]
pub struct Starting {
    channel: ParentEnd,
}

/// Makes the container of `plan` and prepares its first process.
///
/// # Errors
/// What could not be set up before the process existed; everything made so far is undone.
pub fn create(plan: &Plan, io: Io<'_>, given: Given<'_>) -> Result<Creating, StartError> {
    if let Some(hooks) = &plan.hooks {
        hooks.make_bundle()?;
    }
    let found;
    let known = given.layout.or_else(|| plan.cgroup.as_ref()?.layout.as_ref());
    let layout = match (known, &plan.cgroup) {
        (Some(layout), _) => Some(layout),
        (None, Some(_)) => {
            found = Layout::detect()?;
            Some(&found)
        }
        (None, None) => None,
    };
    let mut cgroup = match (&plan.cgroup, layout) {
        (Some(group), Some(layout)) => {
            Some(Cgroup::begin(layout, &group.path).map_err(|error| outcome::no_group(&error))?)
        }
        _ => None,
    };
    let (parent_end, child_end) = channel::pair().map_err(system)?;
    let place = Place { cgroup: cgroup.as_ref(), layout };
    let born = match plan.ids.is_some() {
        true => remapped::fork(plan, io, given, place, (parent_end, child_end)),
        false => fork(plan, io, given, place, (parent_end, child_end)),
    };
    let Born { pid, pidfd, channel, builder } = match born {
        Ok(born) => born,
        Err(error) => {
            if let Some(cgroup) = cgroup {
                let _ = cgroup.remove();
            }
            return Err(error);
        }
    };
    let completed = match (&mut cgroup, &plan.cgroup) {
        (Some(cgroup), Some(group)) => cgroup.complete(&group.limits).and_then(|()| match builder {
            // It has no right to do it by itself.
            Some(_) => cgroup.add(pid, true),
            None => Ok(()),
        }),
        _ => Ok(()),
    };
    let hooks = plan.hooks.clone().filter(|_| !given.hooks_apart);
    let creating = Creating { pid, pidfd, channel, cgroup, builder, hooks, hooks_due: false, goes_on: false };
    match completed {
        Ok(()) => creating.channel.tell(FromParent::CgroupReady),
        Err(error) => {
            creating.undo();
            return Err(outcome::no_limits(&error));
        }
    }
    Ok(creating)
}

/// A first process, and who makes its mounts.
pub(crate) struct Born {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) channel: ParentEnd,
    pub(crate) builder: Option<OwnedFd>,
}

/// Makes the first process, which does everything by itself.
fn fork(
    plan: &Plan,
    io: Io<'_>,
    given: Given<'_>,
    place: Place<'_>,
    (parent_end, child_end): (ParentEnd, ChildEnd),
) -> Result<Born, StartError> {
    let pid_namespace = pid_namespace_to_join(plan)?;
    let forked = in_pid_namespace(pid_namespace.as_ref().map(JoinPid::Link), || {
        clone3(new_namespaces(plan), place.cgroup.and_then(Cgroup::unified))
    })?;
    match forked {
        Forked::Child => {
            drop(parent_end);
            run_child(child_end, |channel| container::become_container(plan, io, given, place, channel))
        }
        Forked::Parent { pid, pidfd } => Ok(Born { pid, pidfd, channel: parent_end, builder: None }),
    }
}

/// Makes a further process in the container whose first process is `init` (a pidfd). It executes its program when it is
/// prepared; [`Created::start`] waits for that.
///
/// # Errors
/// As [`create`].
pub fn exec(plan: &ExecPlan, init: BorrowedFd<'_>, io: Io<'_>) -> Result<Creating, StartError> {
    let cgroup = match (&plan.cgroup, &plan.layout) {
        (Some(path), Some(layout)) => Some(Cgroup::open(layout, path)?),
        (Some(path), None) => Some(Cgroup::open(&Layout::detect()?, path)?),
        (None, _) => None,
    };
    let (parent_end, child_end) = channel::pair().map_err(system)?;
    let root = match plan.namespaces.contains(&NamespaceKind::User) {
        true => Some(remapped::root_of(init)?),
        false => None,
    };
    let join = plan.namespaces.contains(&NamespaceKind::Pid).then_some(JoinPid::Of(init));
    let forked =
        in_pid_namespace(join, || clone3(NewNamespaces::empty(), cgroup.as_ref().and_then(Cgroup::unified)))
            // What `clone3` says of a PID namespace whose first process is gone.
            .map_err(|error| match error.message.contains("Cannot allocate memory") {
                true => StartError::new("cannot exec in a stopped container"),
                false => error,
            })?;
    let (pid, pidfd) = match forked {
        Forked::Child => {
            drop(parent_end);
            run_child(child_end, |channel| {
                enter::join_container(plan, init, io, cgroup.as_ref(), root, channel)
            })
        }
        Forked::Parent { pid, pidfd } => (pid, pidfd),
    };
    drop(child_end);
    // Nothing has to be done between its preparation and its program, as it may have for a container: so it has leave
    // before it asks, and spares a switch to this process and back.
    parent_end.tell(FromParent::Execute);
    // The group belongs to the container: never removed with a failed exec.
    Ok(Creating {
        pid,
        pidfd,
        channel: parent_end,
        cgroup: None,
        builder: None,
        hooks: None,
        hooks_due: false,
        goes_on: true,
    })
}

/// Where a new process belongs.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its group; complete once the parent says so.
    pub(crate) cgroup: Option<&'a Cgroup>,
    /// The host's hierarchies.
    pub(crate) layout: Option<&'a Layout>,
}

/// The child's whole life: it never returns.
pub(crate) fn run_child(
    mut channel: ChildEnd,
    work: impl FnOnce(&mut ChildEnd) -> Result<std::convert::Infallible, StartError>,
) -> ! {
    let Err(error) = work(&mut channel);
    channel.tell(&FromChild::Failed(error), None);
    exit_now(1)
}

/// The namespaces `clone3` makes. The control group namespace is not among them: its root is the group the process is in
/// when it is made, and that is the parent's at this moment.
pub(crate) fn new_namespaces(plan: &Plan) -> NewNamespaces {
    plan.namespaces.iter().filter(|ns| ns.how == NamespaceSource::New).fold(
        NewNamespaces::empty(),
        |all, ns| {
            all.with(match ns.kind {
                NamespaceKind::Pid => NewNamespaces::PID,
                NamespaceKind::Network => NewNamespaces::NETWORK,
                NamespaceKind::Mount => NewNamespaces::MOUNT,
                NamespaceKind::Ipc => NewNamespaces::IPC,
                NamespaceKind::Uts => NewNamespaces::UTS,
                // The one is made later, the other before.
                NamespaceKind::Cgroup | NamespaceKind::User => NewNamespaces::empty(),
            })
        },
    )
}

/// A PID namespace to be born in.
pub(crate) enum JoinPid<'a> {
    /// By its file.
    Link(&'a OwnedFd),
    /// The one of this process.
    Of(BorrowedFd<'a>),
}

pub(crate) fn pid_namespace_to_join(plan: &Plan) -> Result<Option<OwnedFd>, StartError> {
    let path = plan.namespaces.iter().find_map(|ns| match (&ns.kind, &ns.how) {
        (NamespaceKind::Pid, NamespaceSource::Path(path)) => Some(path),
        _ => None,
    });
    path.map(|path| container::open_namespace(path)).transpose()
}

/// Calls `clone` while children of this process are born in the given PID namespace.
///
/// A process cannot change its own, only that of its children; so the caller points its children there for the moment
/// of one `clone3`, which saves the second fork others make.
pub(crate) fn in_pid_namespace(
    join: Option<JoinPid<'_>>,
    clone: impl FnOnce() -> sys::Result<Forked>,
) -> Result<Forked, StartError> {
    let Some(join) = join else { return clone().map_err(system) };
    let own = container::open_namespace("/proc/self/ns/pid".as_ref())?;
    let joined = match join {
        JoinPid::Link(fd) => move_into_link_name_space(fd.as_fd(), Some(LinkNameSpaceType::ProcessID)),
        JoinPid::Of(pidfd) => move_into_thread_name_spaces(pidfd, ThreadNameSpaceType::PROCESS_ID),
    };
    joined.map_err(|errno| outcome::failed("join the container's PID namespace", errno))?;
    let forked = clone().map_err(system);
    if matches!(forked, Ok(Forked::Parent { .. }) | Err(_)) {
        // Cannot fail: it is an ancestor of the one just joined. If it did, later children would be born wrongly.
        move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::ProcessID))
            .map_err(|errno| outcome::failed("return to the own PID namespace", errno))?;
    }
    forked
}

pub(crate) fn system(error: sys::CallError) -> StartError {
    StartError::other(error.to_string())
}

impl Creating {
    /// The process, as the caller's PID namespace numbers it.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Readable when [`Creating::advance`] has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.channel.fd()
    }

    /// The outcome without waiting; `Err(self)` if it is not known yet.
    ///
    /// # Errors
    /// Outer: not yet. Inner: as [`Creating::wait`].
    #[expect(clippy::result_large_err, reason = "the error is the value itself, given back")]
    pub fn advance(mut self) -> Result<Result<Created, StartError>, Self> {
        if !self.channel.is_readable() {
            return Err(self);
        }
        match self.listen() {
            Heard::Hooks => Err(self),
            Heard::HooksDue => {
                self.hooks_due = true;
                Err(self)
            }
            heard => Ok(self.conclude(heard)),
        }
    }

    /// Whether it waits for the caller to run hooks ([`Given::hooks_apart`]): `prestart`, then `createRuntime`.
    pub fn hooks_due(&self) -> bool {
        self.hooks_due
    }

    /// They have run: it goes on.
    pub fn hooks_have_run(&mut self) {
        self.hooks_due = false;
        self.channel.tell(FromParent::HooksDone);
    }

    /// Ends it, because of something that its caller has done for it.
    pub fn fail(self) {
        self.undo();
    }

    /// Waits until the process is prepared, or could not be.
    ///
    /// # Errors
    /// Why not, in Docker's words. The process is reaped and its group removed.
    pub fn wait(self) -> Result<Created, StartError> {
        loop {
            match self.listen() {
                // Who has hooks to run and waits all the same has killed it.
                Heard::Hooks | Heard::HooksDue => {}
                heard => return self.conclude(heard),
            }
        }
    }

    /// Takes one message, and runs the hooks if they are due.
    fn listen(&self) -> Heard {
        match self.channel.receive() {
            Ok(Some((FromChild::Prepared { warnings }, console))) => Heard::Prepared(warnings, console),
            Ok(Some((FromChild::HooksDue, _))) => {
                let Some(hooks) = self.hooks.as_deref() else { return Heard::HooksDue };
                match hooks.run_before_root(self.pid) {
                    Ok(()) => {
                        self.channel.tell(FromParent::HooksDone);
                        Heard::Hooks
                    }
                    Err(error) => Heard::Failed(error),
                }
            }
            Ok(Some((FromChild::Failed(error), _))) => Heard::Failed(error),
            Ok(None) => {
                Heard::Failed(StartError::other("the container's first process died while it was set up"))
            }
            Err(error) => Heard::Failed(system(error)),
        }
    }

    fn conclude(self, heard: Heard) -> Result<Created, StartError> {
        match heard {
            Heard::Prepared(warnings, console) => {
                let Self { pid, pidfd, channel, cgroup, builder, goes_on, .. } = self;
                if let Some(builder) = builder {
                    // Its last word was to the process that has just spoken.
                    let _ = waitid(WaitId::PidFd(builder.as_fd()), WaitIdOptions::EXITED);
                }
                Ok(Created { pid, pidfd, console, cgroup, warnings, channel: Some(channel), goes_on })
            }
            Heard::Failed(error) => {
                self.undo();
                Err(error)
            }
            Heard::Hooks | Heard::HooksDue => {
                Err(StartError::other("the container's first process was not waited for"))
            }
        }
    }

    /// Ends and reaps the process, and removes its group.
    fn undo(self) {
        // It may have exited by itself. The failure being reported is the one that counts.
        let _ = sys::signal::send(&self.pidfd, 9);
        if let Some(builder) = &self.builder {
            // First: the end of the first process of a PID namespace waits for all others in it to be reaped.
            let _ = sys::signal::send(builder, 9);
            let _ = waitid(WaitId::PidFd(builder.as_fd()), WaitIdOptions::EXITED);
        }
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        if let Some(cgroup) = self.cgroup {
            let _ = cgroup.remove();
        }
        if let Some(hooks) = self.hooks {
            let _ = hooks.run(Point::Poststop, None);
        }
    }
}

/// What a process that is being prepared has said.
enum Heard {
    Prepared(Vec<String>, Option<OwnedFd>),
    /// Hooks were due and have run; more will come.
    Hooks,
    /// They are due, and the caller's.
    HooksDue,
    Failed(StartError),
}

impl Created {
    /// Lets the process execute its program; returns when it runs. A program that was found but cannot be executed (a wrong
    /// format, a missing interpreter) counts as run: it says so on its standard error and exits with 255, as in Docker.
    ///
    /// # Errors
    /// If what is left to do before that fails (loading the filter of the command line's `create`).
    pub fn start(&mut self) -> Result<(), StartError> {
        self.go()?.wait()
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// If it was called before.
    pub fn go(&mut self) -> Result<Starting, StartError> {
        let channel =
            self.channel.take().ok_or_else(|| StartError::other("the process was already started"))?;
        if !self.goes_on {
            channel.tell(FromParent::Execute);
        }
        Ok(Starting { channel })
    }
}

impl Starting {
    /// For a process that was told to execute over this channel.
    pub(crate) fn new(channel: ParentEnd) -> Self {
        Self { channel }
    }

    /// Readable when [`Starting::advance`] has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.channel.fd()
    }

    /// The outcome without waiting; `Err(self)` if it is not known yet.
    ///
    /// # Errors
    /// Outer: not yet. Inner: as [`Starting::wait`].
    pub fn advance(self) -> Result<Result<(), StartError>, Self> {
        if self.channel.is_readable() { Ok(self.wait()) } else { Err(self) }
    }

    /// Waits for how it went.
    ///
    /// # Errors
    /// As [`Created::start`].
    pub fn wait(self) -> Result<(), StartError> {
        match self.channel.receive() {
            // `execve` closed the child's end. A child killed at this moment looks the same: its exit status tells.
            Ok(None) => Ok(()),
            Ok(Some((FromChild::Failed(error), _))) => Err(error),
            Ok(Some((FromChild::Prepared { .. } | FromChild::HooksDue, _))) => {
                Err(StartError::other("unexpected answer of the container init"))
            }
            Err(error) => Err(system(error)),
        }
    }
}
