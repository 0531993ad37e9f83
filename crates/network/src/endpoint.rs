//! An endpoint: one container's place in one network.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::{PortBinding, PortRequest, PortSocket};

/// A request to give a container a place in a network.
#[derive(Debug, Clone, Default)]
pub struct EndpointRequest {
    /// The container's full id.
    pub container_id: String,
    /// Its name without slash, for `network inspect`.
    pub container_name: String,
    /// The network: id or name.
    pub network: String,
    /// Wanted MAC address; random and locally administered otherwise.
    pub mac: Option<[u8; 6]>,
    /// Wanted address (`--ip`).
    pub ipv4: Option<Ipv4Addr>,
    /// Wanted address (`--ip6`).
    pub ipv6: Option<Ipv6Addr>,
    /// Names by which other containers find it (`--network-alias`).
    pub aliases: Vec<String>,
    /// Driver options of the endpoint, e.g. `com.docker.network.endpoint.sysctls`.
    pub driver_opts: BTreeMap<String, String>,
    /// The container's default route goes through this network. Set it for exactly one of a container's networks.
    pub default_route: bool,
    /// Ports to publish. Give them with the endpoint that has the default route.
    pub ports: Vec<PortRequest>,
}

/// One container's place in one network, as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The network's id.
    pub network_id: String,
    /// The network's name.
    pub network_name: String,
    /// The container's full id.
    pub container_id: String,
    /// Its name when it joined.
    pub container_name: String,
    /// MAC address of the container's interface.
    pub mac: [u8; 6],
    /// Address with the subnet's prefix length.
    pub ipv4: Option<Ipv4Net>,
    /// Address with the subnet's prefix length.
    pub ipv6: Option<Ipv6Net>,
    /// The network's IPv4 gateway; none when the network is internal.
    pub gateway4: Option<Ipv4Addr>,
    /// The network's IPv6 gateway; none when the network is internal.
    pub gateway6: Option<Ipv6Addr>,
    /// See [`EndpointRequest::aliases`].
    pub aliases: Vec<String>,
    /// See [`EndpointRequest::driver_opts`].
    pub driver_opts: BTreeMap<String, String>,
    /// See [`EndpointRequest::default_route`].
    pub default_route: bool,
    /// Ports given.
    pub ports: Vec<PortBinding>,
    /// Name of the link's end on the host.
    pub host_link: String,
}

impl Endpoint {
    /// The MAC address as `aa:bb:cc:dd:ee:ff`.
    pub fn mac_text(&self) -> String {
        let [a, b, c, d, e, f] = self.mac;
        format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }

    /// Its addresses, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ipv4
            .map(|net| IpAddr::V4(net.addr()))
            .into_iter()
            .chain(self.ipv6.map(|net| IpAddr::V6(net.addr())))
    }
}

/// What [`crate::Networks::reserve`] gives: the recorded endpoint and the sockets that hold its ports.
#[derive(Debug)]
pub struct Reservation {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Hand these to the container's shim; a port whose socket is closed can be taken by any program of the host.
    pub sockets: Vec<PortSocket>,
}
