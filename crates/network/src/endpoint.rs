//! An endpoint: one container's place in one network.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::{PortBinding, PortRequest, PortSocket, Protocol};

/// Families of addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Families {
    /// IPv4.
    pub ipv4: bool,
    /// IPv6.
    pub ipv6: bool,
}

impl Families {
    /// Both of them.
    pub const BOTH: Self = Self { ipv4: true, ipv6: true };

    /// Which networks get the default routes: for each network, in the order in which they are preferred, the families
    /// that it has a gateway for; the answer has a place for each.
    ///
    /// As in Docker the first network with gateways of both families gets both routes, whatever is before it; only
    /// without such a one the families go to the first network each.
    pub fn default_routes(gateways: &[Self]) -> Vec<Self> {
        let both = gateways.iter().position(|gateway| *gateway == Self::BOTH);
        let v4 = both.or_else(|| gateways.iter().position(|gateway| gateway.ipv4));
        let v6 = both.or_else(|| gateways.iter().position(|gateway| gateway.ipv6));
        (0..gateways.len()).map(|n| Self { ipv4: v4 == Some(n), ipv6: v6 == Some(n) }).collect()
    }

    /// The network that published ports lead to: the one with the IPv4 route, else that with the other one.
    pub fn main(routes: &[Self]) -> Option<usize> {
        let v4 = routes.iter().position(|routes| routes.ipv4);
        v4.or_else(|| routes.iter().position(|routes| routes.ipv6))
    }
}

/// A port of another container in the same network, which one may reach although the network's containers may not talk to
/// each other (`icc=false`): what a legacy link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The other one's address.
    pub to: Ipv4Addr,
    /// The protocol.
    pub protocol: Protocol,
    /// The port inside.
    pub port: u16,
}

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
    /// Further addresses of its interface, link-local ones (`--link-local-ip`).
    pub link_local: Vec<IpAddr>,
    /// Which of the container's default routes go through this network, see [`Families::default_routes`].
    pub default_routes: Families,
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
    /// See [`EndpointRequest::link_local`].
    pub link_local: Vec<IpAddr>,
    /// See [`EndpointRequest::default_routes`].
    pub default_routes: Families,
    /// Ports given.
    pub ports: Vec<PortBinding>,
    /// What it may reach in its own network where containers may not talk to each other.
    pub reaches: Vec<Reach>,
    /// Name of the link's end on the host.
    pub host_link: String,
}

impl Endpoint {
    /// The MAC address as `aa:bb:cc:dd:ee:ff`; empty in the host and none networks, which have no interface for it.
    pub fn mac_text(&self) -> String {
        if self.mac == [0; 6] {
            return String::new();
        }
        let [a, b, c, d, e, f] = self.mac;
        format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }

    /// The families that it has a gateway for.
    pub fn gateways(&self) -> Families {
        Families { ipv4: self.gateway4.is_some(), ipv6: self.gateway6.is_some() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_routes_go_to_the_first_of_both_families_else_to_the_first_of_each() {
        let (none, v4, v6, both) = (
            Families::default(),
            Families { ipv4: true, ipv6: false },
            Families { ipv4: false, ipv6: true },
            Families::BOTH,
        );
        let cases: [(&[Families], &[Families]); 5] = [
            (&[], &[]),
            (&[none, v4, v4], &[none, v4, none]),
            (&[v4, v6, v6], &[v4, v6, none]),
            (&[v6, v4], &[v6, v4]),
            (&[v4, v6, both, both], &[none, none, both, none]),
        ];
        for (gateways, routes) in cases {
            assert_eq!(Families::default_routes(gateways), routes, "{gateways:?}");
        }
        assert_eq!(Families::main(&[v6, none, v4]), Some(2));
        assert_eq!(Families::main(&[none, v6]), Some(1));
        assert_eq!(Families::main(&[none]), None);
    }
}
