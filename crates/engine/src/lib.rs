//! The engine's policy: the life of containers and the rules across nouns.
//!
//! One small handle a noun ([`Containers`], [`Execs`], [`Events`]...), each a cheap clone, made by the daemon and used by
//! the server. Requests and answers are `api` types; what is stored are types of our own.
//!
//! Invariants: methods block (call them from blocking threads) unless they are `async`; what is waited for is an event,
//! never a polling timer; no lock is held across an operation on another container.

mod background;
pub mod container;
pub mod event;
pub mod exec;
pub mod image;
mod metrics;
pub mod network;
pub mod system;
mod timers;
pub mod timestamp;
pub mod volume;

/// What Docker says of all that needs a swarm.
pub const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to \
                            connect this node to swarm and try again.";

pub(crate) use background::background;
pub use container::Containers;
pub use event::Events;
pub use exec::Execs;
pub use image::Images;
pub use network::Networks;
pub use system::System;
pub use volume::Volumes;
