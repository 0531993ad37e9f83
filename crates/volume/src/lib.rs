//! Named volumes: directories that outlive containers, with their records, labels and mount options.
//!
//! A volume is a record in the store and a directory `<root>/<name>/_data`. Who uses a volume is the engine's knowledge
//! (it counts references over its containers); this crate is told.
//!
//! Invariants: a volume's data is never written by this crate once it holds anything; data copied from an image appears
//! whole or not at all, also across a crash; nothing from inside a volume is ever followed out of it.

mod definition;
mod name;
mod options;
mod record;
mod tree;
mod volumes;

pub use definition::{ANONYMOUS_LABEL, Named, Volume, VolumeSpec};
pub use volumes::{Claim, Volumes};
