//! Container networks: bridges, addresses, published ports, the nftables table `hythe` and network namespaces.
//!
//! Ground state is in the store (network and endpoint records); links, firewall rules and sockets are derived and are
//! rebuilt from it when the daemon starts. An address is allocated by its endpoint record existing, a port likewise:
//! there is no second bitmap that could drift.
//!
//! Invariants, as absences: nothing outside the links and the one nftables table of ours is ever changed (but the
//! forwarding switches, and `accept_ra` where IPv6 forwarding would turn it off); no program is run; no process exists
//! per port; a network namespace that a container used is never used again; no veth is moved between namespaces.
//!
//! Why own netlink encoders: an exec of `ip` or `nft` costs 5 ms and one deletion or move of a veth 17 ms of the
//! kernel's global lock, more than a whole container start may take.

mod config;
mod definition;
mod endpoint;
mod firewall;
mod hosts;
mod ipam;
mod limits;
mod netlink;
mod netns;
mod networks;
mod port;
mod resolv;
mod schema;
mod statistics;

pub use config::{AddressPool, Config, DEFAULT_BRIDGE};
pub use definition::{DEFAULT_NETWORK, Driver, Ipam, IpamConfig, Network, NetworkSpec};
pub use endpoint::{Endpoint, EndpointRequest, Families, Reach, Reservation};
pub use hosts::{HostEntry, HostsFile};
pub use netns::Netns;
pub use networks::{Networks, Reconciled};
pub use port::{PortBinding, PortRequest, PortSocket, Protocol};
pub use resolv::{ResolvConf, ResolvOptions};
pub use statistics::LinkStatistics;

#[cfg(test)]
mod tests;
