//! The crate against the real kernel: every test is a host of its own (a network namespace on its thread), containers and
//! other hosts are further namespaces, and what is asserted is traffic over real sockets.

mod definitions;
mod firewall;
mod lifecycle;
mod model;
mod ports;
mod world;
