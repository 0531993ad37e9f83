//! Black-box tests of the daemon and the system commands.

mod api;
mod daemon;
mod events;
mod version;
