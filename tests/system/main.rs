//! Black-box tests of the daemon and the system commands.

mod answers;
mod api;
mod asked;
mod ceilings;
mod compatibility;
mod configuration;
mod daemon;
mod descriptors;
mod door;
mod events;
mod full;
mod linear;
mod many;
mod memory;
mod metrics;
mod refused;
mod semantics;
mod settings;
mod shapes;
mod state;
mod systemd;
mod version;
