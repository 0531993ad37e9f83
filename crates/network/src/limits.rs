//! Limits and defaults, each with its reason.

/// The kernel's `IFNAMSIZ` without the terminating zero.
pub(crate) const LINK_NAME_MAX: usize = 15;

/// Links a bridge can have: the kernel numbers its ports with 10 bits and keeps 0.
pub(crate) const BRIDGE_PORTS_MAX: usize = 1023;

/// Connections that wait to be relayed by a container's shim; few ever come that way.
pub(crate) const RELAY_BACKLOG: i32 = 512;

/// MTU of a network that says nothing: Ethernet's, and Docker's.
pub(crate) const DEFAULT_MTU: u32 = 1500;

/// Prefix length of an IPv6 subnet that is chosen for a network, as in Docker.
pub(crate) const IPV6_PREFIX: u8 = 64;
