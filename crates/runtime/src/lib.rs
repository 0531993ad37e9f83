//! The OCI runtime: makes a container's namespaces, mounts, groups and filter, and executes its process.
//!
//! A spec is compiled to a [`Plan`]; [`create`] carries the plan out in a child made by one `clone3`, which prepares
//! everything, finds the program, and waits; [`Created::start`] lets it execute. [`exec`] adds a process to a running
//! container. Everything is synchronous, and everything that waits has a descriptor to poll instead.
//!
//! Invariants: the calling process has one thread (it is copied); no path inside the container's tree is used but through
//! `openat2` below its root; nothing is ever mounted in the host's mount namespace; no other program is run.

use std::os::fd::{BorrowedFd, OwnedFd};

use cgroups::Cgroup;
use rustix::process::Pid;

pub mod compile;
pub mod outcome;
pub mod plan;
pub mod seccomp;

pub use compile::{CompileOptions, compile};
pub use outcome::{StartError, StartErrorKind};
pub use plan::{ExecPlan, Plan};

/// The standard streams of a process to be made.
#[derive(Debug)]
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
#[derive(Debug, Default)]
pub struct Given<'a> {
    /// The network namespace, for [`plan::NamespaceSource::Given`].
    pub network: Option<BorrowedFd<'a>>,
}

/// A process being prepared. Poll [`Creating::fd`] for reading and call [`Creating::advance`], or just
/// [`Creating::wait`]; dropping it kills the process (which the caller must still reap).
#[derive(Debug)]
pub struct Creating {}

/// A process that is prepared and waits. Dropping it kills it, unless [`Created::release`]d.
#[derive(Debug)]
pub struct Created {
    /// The process, as the caller's PID namespace numbers it. The caller reaps it.
    pub pid: Pid,
    /// Its descriptor, readable once it has exited.
    pub pidfd: OwnedFd,
    /// The master end of its terminal, if it has one.
    pub console: Option<OwnedFd>,
    /// The container's control group (`None` for [`exec`], and if the plan has none).
    pub cgroup: Option<Cgroup>,
    /// What could not be done and was left out, for the caller's log.
    pub warnings: Vec<String>,
}

/// A process told to execute its program. Poll [`Starting::fd`] for reading and call [`Starting::advance`], or just
/// [`Starting::wait`].
#[derive(Debug)]
pub struct Starting {}

/// Makes the container of `plan` and prepares its first process.
///
/// # Errors
/// What could not be set up before the process existed; everything made so far is undone.
#[expect(
    clippy::todo,
    clippy::needless_pass_by_value,
    unused_variables,
    reason = "first landing: the interface"
)]
pub fn create(plan: &Plan, io: Io<'_>, given: Given<'_>) -> Result<Creating, StartError> {
    todo!()
}

/// Prepares a further process in the container whose first process `init` is.
///
/// # Errors
/// As [`create`].
#[expect(
    clippy::todo,
    clippy::needless_pass_by_value,
    unused_variables,
    reason = "first landing: the interface"
)]
pub fn exec(plan: &ExecPlan, init: BorrowedFd<'_>, io: Io<'_>) -> Result<Creating, StartError> {
    todo!()
}

#[expect(clippy::todo, clippy::missing_errors_doc, reason = "first landing: the interface")]
impl Creating {
    /// The process.
    pub fn pid(&self) -> Pid {
        todo!()
    }
    /// Readable when [`Creating::advance`] has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        todo!()
    }
    /// Goes on as far as possible without waiting: `Err(self)` if there is nothing to read yet.
    pub fn advance(self) -> Result<Result<Created, StartError>, Self> {
        todo!()
    }
    /// Waits until the process is prepared, or could not be.
    pub fn wait(self) -> Result<Created, StartError> {
        todo!()
    }
}

#[expect(clippy::todo, clippy::missing_errors_doc, reason = "first landing: the interface")]
impl Created {
    /// Lets the process execute its program; returns when it runs. An error means that it does not, and is exiting.
    pub fn start(&mut self) -> Result<(), StartError> {
        todo!()
    }
    /// The same without waiting.
    pub fn go(&mut self) -> Result<Starting, StartError> {
        todo!()
    }
}

#[expect(clippy::todo, clippy::missing_errors_doc, reason = "first landing: the interface")]
impl Starting {
    /// Readable when [`Starting::advance`] has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        todo!()
    }
    /// `Err(self)` if it is not yet known how it went.
    pub fn advance(self) -> Result<Result<(), StartError>, Self> {
        todo!()
    }
    /// Waits for how it went.
    pub fn wait(self) -> Result<(), StartError> {
        todo!()
    }
}
