//! The values of flags: parsed as Docker's client parses them, refused in its words.
//!
//! Everything here is pure but for what a value itself asks for: the environment variable of `-e KEY`, the file of
//! `--env-file`, the working directory for a relative path.

pub(crate) mod attach;
pub(crate) mod capability;
pub(crate) mod device;
pub(crate) mod duration;
pub(crate) mod env;
pub(crate) mod filter;
pub(crate) mod gpus;
pub(crate) mod host;
pub(crate) mod keyfile;
pub(crate) mod label;
pub(crate) mod link;
pub(crate) mod mount;
pub(crate) mod network;
pub(crate) mod number;
pub(crate) mod platform;
pub(crate) mod port;
pub(crate) mod restart;
pub(crate) mod security;
pub(crate) mod size;
pub(crate) mod throttle;
pub(crate) mod timestamp;
pub(crate) mod ulimit;
pub(crate) mod volume;
