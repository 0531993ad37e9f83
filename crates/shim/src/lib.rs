//! One small process per container that makes it, watches it and outlives the daemon; and the daemon's side of it.
//!
//! The shim (`hythe-shim`, [`supervisor`]) has one thread and an epoll loop. It carries out a [`runtime::Plan`], then pumps
//! the container's output into its log and to attached clients, feeds its input, runs `exec`s in it, relays ports that
//! the firewall cannot, and records how it ended. The daemon's side is a [`Launcher`], which starts and adopts shims and
//! has one thread that listens to all of them, and a [`Handle`] for each.
//!
//! Invariants:
//! - The container depends on its shim, the shim on nobody: a daemon that dies or hangs changes nothing.
//! - The exit record is in the state directory before anyone is told; every container yields [`Event::Exited`] once.
//! - Clients' connections are passed to the shim and never go through the daemon afterwards.
//! - If the shim dies, the container's processes die, and the exit code is 137.
//! - Hooks run in processes of their own: one that hangs holds up neither the container's output nor its end.
//! - One shim at a time has a state directory: its lock, which a shim is born with, says whether there is one.
//! - The control socket is a file below a directory only root can enter, never an abstract name, and asks who connects.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub mod keys;
pub mod launch;
pub mod record;
pub mod supervisor;

mod adopt;
mod handle;
mod hooks;
mod protocol;
mod reactor;

pub use adopt::Adopted;
pub use handle::Handle;
pub use launch::{Foreign, Forward, LaunchRequest, Launcher, PortProtocol};
pub use record::{Exit, is_abandoned, remove_group, wait_until_abandoned};

/// A container's id.
pub type ContainerId = Arc<str>;

/// What shims tell, in the order it happened within one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The container has ended, its output is in the log, and its exit record is on disk. Always the last one.
    Exited(Exit),
    /// A process started by [`Handle::exec`] has ended and its output has been delivered.
    ExecExited {
        /// The id given in the [`ExecRequest`].
        exec_id: String,
        /// Its exit code; 128 + the signal's number if one killed it.
        code: i32,
        /// When.
        at: logs::Time,
    },
    /// A client typed the detach keys.
    Detached {
        /// The exec it was attached to; `None`: the container.
        exec_id: Option<String>,
    },
    /// The kernel killed processes of the container for lack of memory.
    Oom,
}

/// How the container's standard streams are set up. Whether it has a terminal is said by the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stdio {
    /// There is an input that clients can attach to; otherwise it is `/dev/null`.
    pub open_stdin: bool,
    /// The input is closed when the first client that attached to it is gone or closes its side (not with a terminal).
    pub stdin_once: bool,
}

/// What an attached client wants.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AttachOptions {
    /// Feed what it sends to the container.
    pub stdin: bool,
    /// Send it the standard output (and everything of a terminal).
    pub stdout: bool,
    /// Send it the standard error.
    pub stderr: bool,
    /// Put each piece of output into an 8-byte frame; not for a terminal.
    pub multiplexed: bool,
    /// The bytes that detach ([`keys::parse`]); looked for only on a terminal. Empty: [`keys::DEFAULT`].
    pub detach_keys: Vec<u8>,
    /// What the client has sent already and the HTTP server has read.
    pub initial: Vec<u8>,
}

/// A process to run in the container.
#[derive(Debug)]
pub struct ExecRequest {
    /// Names it in later requests and in its event.
    pub exec_id: String,
    /// What to run; made by [`runtime::Plan::exec`].
    pub plan: runtime::ExecPlan,
    /// It has an input the client feeds; otherwise `/dev/null`.
    pub open_stdin: bool,
    /// The client's connection (a stream socket) and what it wants; `None`: output is discarded.
    pub attach: Option<(std::os::fd::OwnedFd, AttachOptions)>,
}

/// What a shim says about its container now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Made, and waiting for [`Handle::start`].
    Created,
    /// Running.
    Running,
    /// Frozen by [`Handle::pause`].
    Paused,
    /// Ended.
    Exited,
}

/// The files of a container's shim below its state directory.
pub(crate) struct StatePaths;

impl StatePaths {
    /// The control socket.
    pub(crate) const SOCKET: &'static str = "shim.sock";
    /// The exit record.
    pub(crate) const EXIT: &'static str = "exit";
    /// The hooks of the end that have not run.
    pub(crate) const HOOKS: &'static str = "poststop";
    /// What a new daemon needs to know when the shim cannot be asked.
    pub(crate) const STATE: &'static str = "shim.state";
}
