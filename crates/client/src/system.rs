//! The engine itself: one file an operation.

mod df;
mod events;
mod info;
mod ping;
mod prune_build_cache;
mod raw;
mod version;

pub use df::Part;
pub use ping::Ping;
