//! The words spoken over the Docker Engine API 1.51: requests, answers, filters, stream framing, version rules.
//!
//! Everything here is pure data, used by the server and by the client alike. Field names and which empty values are
//! written as `null`, as `[]` or not at all follow what Docker 28.5 answers, because clients index those keys.
//! Reading is as tolerant as Docker's: unknown fields are ignored, `null` and a missing field are the zero value.
//! Stored records are other types; they live with the crates that store them.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod letters;
mod wire;

pub mod auth;
pub mod container;
pub mod error;
pub mod event;
pub mod exec;
pub mod filters;
pub mod image;
pub mod json;
pub mod network;
pub mod stream;
pub mod system;
pub mod time;
pub mod version;
pub mod volume;

use std::collections::BTreeMap;

pub use time::Time;
pub use wire::{Empty, StrSlice};

/// String to string, sorted, as Go writes its maps.
pub type StringMap = BTreeMap<String, String>;

/// A set as Docker writes it: `{"80/tcp": {}}`.
pub type Set = BTreeMap<String, Empty>;
