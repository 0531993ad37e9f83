//! Black-box tests of the daemon and the system commands.

mod api;
mod ceilings;
mod daemon;
mod door;
mod events;
mod state;
mod version;
