//! Containers on the wire: creating, inspecting, listing, counting, waiting.
#![expect(missing_docs, reason = "the fields are the swagger's, each documented there under its wire name")]

mod config;
mod host;
mod inspect;
mod stats;

pub use config::*;
pub use host::*;
pub use inspect::*;
pub use stats::*;
