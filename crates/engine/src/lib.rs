//! Policy: what the engine does with containers, images, networks and volumes, in Docker's semantics and words.
//!
//! One handle a noun, each holding only the mechanisms it uses; `daemon` builds them. Methods are synchronous and take
//! and give the types of `api`; whoever waits does so on a channel of `tokio::sync`.

pub mod event;

pub use event::Events;
