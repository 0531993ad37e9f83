//! Containers: one file an operation.

mod archive;
mod attach;
mod checkpoint;
mod commit;
mod create;
mod diff;
mod export;
mod inspect;
mod kill;
mod list;
mod logs;
mod pause;
mod prune;
mod remove;
mod rename;
mod resize;
mod restart;
mod start;
mod stats;
mod stop;
mod top;
mod unpause;
mod update;
mod wait;

pub use archive::CopyTo;
pub use attach::Attach;
pub use commit::Commit;
pub use list::List;
pub use logs::Logs;
pub use remove::Remove;
pub use wait::{WaitCondition, Waiting};

/// `/containers/ID/VERB`.
fn path(id: &str, verb: &str) -> String {
    format!("/containers/{}{verb}", crate::query::segment(id))
}
