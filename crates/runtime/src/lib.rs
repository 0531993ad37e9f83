//! The OCI runtime: makes a container's namespaces, mounts, groups and filter, and executes its process.
//!
//! A spec is compiled to a [`Plan`]; [`create`] carries the plan out in a child made by one `clone3`, which prepares
//! everything, finds the program, and waits; [`Created::start`] lets it execute. [`exec`] adds a process to a running
//! container. Everything is synchronous, and everything that waits has a descriptor to poll instead.
//!
//! Invariants: the calling process has one thread (it is copied); no path inside the container's tree is used but through
//! `openat2` below its root; nothing is ever mounted in the host's mount namespace; no other program is run but
//! another runtime that was asked for ([`foreign`]).

mod capability;
mod channel;
pub mod cli;
pub mod compile;
mod container;
mod enter;
pub mod features;
pub mod foreign;
pub mod hooks;
pub mod init;
mod launch;
pub mod outcome;
pub mod plan;
mod process;
mod remapped;
mod rootfs;
pub mod seal;
pub mod seccomp;
mod terminal;
mod tree;
pub mod user;
pub mod view;

pub use compile::{CompileOptions, compile};
pub use hooks::{Hook, Hooks};
pub use launch::{Created, Creating, Given, Io, Starting, create, exec};
pub use outcome::{StartError, StartErrorKind};
pub use plan::{ExecPlan, Plan};
