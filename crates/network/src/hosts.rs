//! The container's `/etc/hosts`.

use std::net::IpAddr;

/// One line: an address and its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostEntry {
    /// The address.
    pub address: IpAddr,
    /// The names, the canonical one first.
    pub names: Vec<String>,
}

/// The parts of a hosts file, in the order Docker writes them.
#[derive(Debug, Clone, Default)]
pub struct HostsFile {
    /// `--add-host` entries (`host-gateway` already replaced) and links.
    pub extra: Vec<HostEntry>,
    /// The container's own addresses with its host name (`FQDN host`).
    pub own: Vec<HostEntry>,
    /// Whether the container has an IPv6 loopback: Docker leaves the ip6 lines out otherwise.
    pub ipv6: bool,
}

impl HostsFile {
    /// The file's text.
    pub fn text(&self) -> String {
        todo!("hosts file")
    }
}
