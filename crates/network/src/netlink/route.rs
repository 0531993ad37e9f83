//! rtnetlink: links, addresses and routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use errdefs::{Context, Result};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rustix::io::Errno;

use super::{Encoder, Socket, attribute, flag};
use crate::statistics::LinkStatistics;

const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;
const GETLINK: u16 = 18;
pub(crate) const SETLINK: u16 = 19;
const NEWADDR: u16 = 20;
const DELADDR: u16 = 21;
const GETADDR: u16 = 22;
const NEWROUTE: u16 = 24;
const GETROUTE: u16 = 26;

const IFLA_ADDRESS: u16 = 1;
pub(crate) const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_GROUP: u16 = 27;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_BRPORT_ISOLATED: u16 = 33;
const VETH_INFO_PEER: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const ADDR_GEN_MODE_NONE: u8 = 1;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_F_NODAD: u8 = 0x02;

const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RTN_UNICAST: u8 = 1;
/// In a link's flags: it is up.
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;

const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

const ACK: u16 = flag::REQUEST | flag::ACK;
const MAKE: u16 = ACK | flag::CREATE | flag::EXCL;

/// The fixed header of link messages.
pub(crate) fn link_header(e: &mut Encoder, index: u32, flags: u32, change: u32) {
    let mut header = [0_u8; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&change.to_ne_bytes());
    e.raw(&header);
}

/// A pair of links to make: one end here in a bridge, the other in a container's namespace.
pub(crate) struct Veth<'a> {
    /// Name of the end here.
    pub(crate) host_name: &'a str,
    /// Index of the bridge here.
    pub(crate) bridge: u32,
    /// The namespace of the other end.
    pub(crate) netns: BorrowedFd<'a>,
    /// Name of the other end.
    pub(crate) peer_name: &'a str,
    /// Index the other end gets, 0 for any.
    pub(crate) peer_index: u32,
    /// MAC address of the other end.
    pub(crate) peer_mac: [u8; 6],
    /// MTU of both.
    pub(crate) mtu: u32,
}

/// Makes a veth pair, both ends down: the peer is born in its namespace, this end in the bridge. (The kernel can set up
/// neither a peer that is not paired yet nor a link without an automatic address in the same message.)
pub(crate) fn new_veth(e: &mut Encoder, veth: &Veth<'_>) {
    e.message(NEWLINK, MAKE, |e| {
        link_header(e, 0, 0, 0);
        e.text(IFLA_IFNAME, veth.host_name);
        e.u32(IFLA_MTU, veth.mtu);
        e.u32(IFLA_MASTER, veth.bridge);
        e.nest(IFLA_LINKINFO, |e| {
            e.text(IFLA_INFO_KIND, "veth");
            e.nest(IFLA_INFO_DATA, |e| {
                e.nest(VETH_INFO_PEER, |e| {
                    link_header(e, veth.peer_index, 0, 0);
                    e.text(IFLA_IFNAME, veth.peer_name);
                    e.bytes(IFLA_ADDRESS, &veth.peer_mac);
                    e.u32(IFLA_MTU, veth.mtu);
                    e.u32(IFLA_NET_NS_FD, veth.netns.as_raw_fd().unsigned_abs());
                });
            });
        });
    });
}

/// Sets this end of a pair up, without an automatic fe80:: address. An `isolated` port of a bridge exchanges no frames with
/// the other isolated ones; that is set before it is up.
pub(crate) fn port_up(e: &mut Encoder, name: &str, isolated: bool) {
    e.message(NEWLINK, ACK, |e| {
        link_header(e, 0, IFF_UP, IFF_UP);
        e.text(IFLA_IFNAME, name);
        e.nest(IFLA_AF_SPEC, |e| {
            e.nest(u16::from(AF_INET6), |e| e.u8(IFLA_INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE));
        });
        if isolated {
            e.nest(IFLA_LINKINFO, |e| {
                e.text(IFLA_INFO_SLAVE_KIND, "bridge");
                e.nest(IFLA_INFO_SLAVE_DATA, |e| e.u8(IFLA_BRPORT_ISOLATED, 1));
            });
        }
    });
}

/// Makes a bridge, up.
pub(crate) fn new_bridge(e: &mut Encoder, name: &str, mac: [u8; 6], mtu: u32) {
    e.message(NEWLINK, MAKE, |e| {
        link_header(e, 0, IFF_UP, IFF_UP);
        e.text(IFLA_IFNAME, name);
        e.bytes(IFLA_ADDRESS, &mac);
        e.u32(IFLA_MTU, mtu);
        e.nest(IFLA_LINKINFO, |e| e.text(IFLA_INFO_KIND, "bridge"));
    });
}

/// Sets a link up.
pub(crate) fn link_up(e: &mut Encoder, index: u32) {
    e.message(SETLINK, ACK, |e| link_header(e, index, IFF_UP, IFF_UP));
}

/// Sets a link down; it passes no more packets, whatever lives at its other end.
pub(crate) fn link_down(e: &mut Encoder, name: &str) {
    e.message(SETLINK, ACK, |e| {
        link_header(e, 0, 0, IFF_UP);
        e.text(IFLA_IFNAME, name);
    });
}

/// Deletes a link. For a veth this costs the kernel 17 ms: never on a path that is waited for.
pub(crate) fn delete_link(e: &mut Encoder, name: &str) {
    e.message(DELLINK, ACK, |e| {
        link_header(e, 0, 0, 0);
        e.text(IFLA_IFNAME, name);
    });
}

/// Puts a link into a group.
pub(crate) fn set_group(e: &mut Encoder, index: u32, group: u32) {
    e.message(SETLINK, ACK, |e| {
        link_header(e, index, 0, 0);
        e.u32(IFLA_GROUP, group);
    });
}

/// Deletes all links of a group in one step: the kernel waits once for all of them.
pub(crate) fn delete_group(e: &mut Encoder, group: u32) {
    e.message(DELLINK, ACK, |e| {
        link_header(e, 0, 0, 0);
        e.u32(IFLA_GROUP, group);
    });
}

/// Asks for one link by name.
pub(crate) fn get_link(e: &mut Encoder, name: &str) {
    e.message(GETLINK, ACK, |e| {
        link_header(e, 0, 0, 0);
        e.text(IFLA_IFNAME, name);
    });
}

/// Gives a link an address. The kernel adds the route to its subnet.
pub(crate) fn new_address(e: &mut Encoder, index: u32, net: IpNet) {
    let (family, flags) = match net {
        IpNet::V4(_) => (AF_INET, 0),
        // The address is known to be unique: without this it could not be used for a second.
        IpNet::V6(_) => (AF_INET6, IFA_F_NODAD),
    };
    e.message(NEWADDR, MAKE, |e| {
        let mut header = [family, net.prefix_len(), flags, 0, 0, 0, 0, 0];
        header[4..].copy_from_slice(&index.to_ne_bytes());
        e.raw(&header);
        address(e, IFA_LOCAL, net.addr());
        address(e, IFA_ADDRESS, net.addr());
        if let IpNet::V4(net) = net
            && net.prefix_len() < 31
        {
            e.bytes(IFA_BROADCAST, &net.broadcast().octets());
        }
    });
}

/// Takes an address from a link.
pub(crate) fn delete_address(e: &mut Encoder, index: u32, net: IpNet) {
    let family = if matches!(net, IpNet::V4(_)) { AF_INET } else { AF_INET6 };
    e.message(DELADDR, ACK, |e| {
        let mut header = [family, net.prefix_len(), 0, 0, 0, 0, 0, 0];
        header[4..].copy_from_slice(&index.to_ne_bytes());
        e.raw(&header);
        address(e, IFA_LOCAL, net.addr());
    });
}

/// Adds a route through a gateway.
#[cfg(test)]
pub(crate) fn new_route(e: &mut Encoder, index: u32, net: Ipv4Net, gateway: IpAddr) {
    e.message(NEWROUTE, MAKE, |e| {
        e.raw(&[AF_INET, net.prefix_len(), 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0]);
        e.bytes(RTA_DST, &net.network().octets());
        address(e, RTA_GATEWAY, gateway);
        e.u32(RTA_OIF, index);
    });
}

/// Makes the default route go through a gateway, in the place of one there is. The interface is that on whose network the
/// gateway is.
pub(crate) fn set_default_route(e: &mut Encoder, gateway: IpAddr) {
    let family = if gateway.is_ipv4() { AF_INET } else { AF_INET6 };
    e.message(NEWROUTE, ACK | flag::CREATE | flag::REPLACE, |e| {
        e.raw(&[family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0]);
        address(e, RTA_GATEWAY, gateway);
    });
}

fn address(e: &mut Encoder, kind: u16, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => e.bytes(kind, &v4.octets()),
        IpAddr::V6(v6) => e.bytes(kind, &v6.octets()),
    }
}

/// A link as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) up: bool,
    pub(crate) loopback: bool,
    /// Index of the bridge it is in, or 0.
    pub(crate) master: u32,
    pub(crate) statistics: LinkStatistics,
}

/// All links of the socket's namespace.
pub(crate) fn links(socket: &mut Socket) -> Result<Vec<Link>> {
    let mut request = Encoder::new();
    request.message(GETLINK, flag::REQUEST | flag::DUMP, |e| link_header(e, 0, 0, 0));
    let mut links = Vec::new();
    socket.query(request, |kind, payload| {
        if kind == NEWLINK {
            links.extend(parse_link(payload)?);
        }
        Ok(())
    })?;
    Ok(links)
}

/// The link of this name, or `None`.
pub(crate) fn link(socket: &mut Socket, name: &str) -> Result<Option<Link>> {
    // A name that cannot be one is refused by the kernel with another error than a missing link.
    if name.is_empty() || name.len() > crate::limits::LINK_NAME_MAX {
        return Ok(None);
    }
    let mut request = Encoder::new();
    get_link(&mut request, name);
    let mut found = None;
    let answer = socket.try_query(request, |_, payload| {
        found = parse_link(payload)?;
        Ok(())
    })?;
    match answer {
        Ok(()) => Ok(found),
        Err(refused) if refused.errno == Errno::NODEV => Ok(None),
        Err(refused) => Err(refused).context(|| format!("look up link {name}")),
    }
}

fn parse_link(payload: &[u8]) -> Result<Option<Link>> {
    let Some((header, attributes)) = payload.split_first_chunk::<16>() else {
        return Err(errdefs::system("a netlink link message is too short"));
    };
    let attributes = attribute::parse(attributes)?;
    let Some(name) = attribute::find(&attributes, IFLA_IFNAME).and_then(attribute::text) else {
        return Ok(None);
    };
    let flags = u32::from_ne_bytes([header[8], header[9], header[10], header[11]]);
    Ok(Some(Link {
        index: u32::from_ne_bytes([header[4], header[5], header[6], header[7]]),
        name: name.to_owned(),
        up: flags & IFF_UP != 0,
        loopback: flags & IFF_LOOPBACK != 0,
        master: attribute::find(&attributes, IFLA_MASTER).and_then(attribute::u32).unwrap_or(0),
        statistics: parse_statistics(name, attribute::find(&attributes, IFLA_STATS64).unwrap_or_default()),
    }))
}

/// `struct rtnl_link_stats64`: eight-byte counters in this order.
fn parse_statistics(name: &str, bytes: &[u8]) -> LinkStatistics {
    let counter = |n: usize| bytes.get(n * 8..).and_then(attribute::u64).unwrap_or(0);
    LinkStatistics {
        name: name.to_owned(),
        rx_packets: counter(0),
        tx_packets: counter(1),
        rx_bytes: counter(2),
        tx_bytes: counter(3),
        rx_errors: counter(4),
        tx_errors: counter(5),
        rx_dropped: counter(6),
        tx_dropped: counter(7),
    }
}

/// Every subnet this host can reach directly or by a route of its own, with the index of the link it is on, but not the
/// default route: what a new network must not overlap.
pub(crate) fn used_subnets(socket: &mut Socket) -> Result<Vec<(IpNet, u32)>> {
    let mut used = Vec::new();
    let mut request = Encoder::new();
    request.message(GETADDR, flag::REQUEST | flag::DUMP, |e| e.raw(&[AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0]));
    socket.query(request, |kind, payload| {
        if kind == NEWADDR {
            used.extend(parse_address(payload)?.map(|(net, index)| (net.trunc(), index)));
        }
        Ok(())
    })?;
    let mut request = Encoder::new();
    request.message(GETROUTE, flag::REQUEST | flag::DUMP, |e| e.raw(&[0; 12]));
    socket.query(request, |kind, payload| {
        if kind == NEWROUTE {
            used.extend(parse_route(payload)?);
        }
        Ok(())
    })?;
    Ok(used)
}

/// The addresses of one link.
pub(crate) fn addresses(socket: &mut Socket, index: u32) -> Result<Vec<IpNet>> {
    let mut found = Vec::new();
    let mut request = Encoder::new();
    request.message(GETADDR, flag::REQUEST | flag::DUMP, |e| e.raw(&[AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0]));
    socket.query(request, |kind, payload| {
        if kind == NEWADDR {
            found.extend(parse_address(payload)?.filter(|(_, i)| *i == index).map(|(net, _)| net));
        }
        Ok(())
    })?;
    Ok(found)
}

fn parse_address(payload: &[u8]) -> Result<Option<(IpNet, u32)>> {
    let Some((header, attributes)) = payload.split_first_chunk::<8>() else {
        return Err(errdefs::system("a netlink address message is too short"));
    };
    let attributes = attribute::parse(attributes)?;
    let value = attribute::find(&attributes, IFA_LOCAL).or_else(|| attribute::find(&attributes, IFA_ADDRESS));
    let index = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
    Ok(value.and_then(|value| subnet(header[0], value, header[1])).map(|net| (net, index)))
}

fn parse_route(payload: &[u8]) -> Result<Option<(IpNet, u32)>> {
    let Some((header, attributes)) = payload.split_first_chunk::<12>() else {
        return Err(errdefs::system("a netlink route message is too short"));
    };
    let [family, prefix, _, _, table, _, _, kind, ..] = *header;
    if table != RT_TABLE_MAIN || kind != RTN_UNICAST || prefix == 0 {
        return Ok(None);
    }
    let attributes = attribute::parse(attributes)?;
    let index = attribute::find(&attributes, RTA_OIF).and_then(attribute::u32).unwrap_or(0);
    let value = attribute::find(&attributes, RTA_DST);
    Ok(value.and_then(|value| subnet(family, value, prefix)).map(|net| (net.trunc(), index)))
}

fn subnet(family: u8, value: &[u8], prefix: u8) -> Option<IpNet> {
    match family {
        AF_INET => Ipv4Net::new(Ipv4Addr::from(*value.first_chunk::<4>()?), prefix).ok().map(IpNet::V4),
        AF_INET6 => Ipv6Net::new(Ipv6Addr::from(*value.first_chunk::<16>()?), prefix).ok().map(IpNet::V6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_kernel_says_of_loopback_is_read() {
        let link = link(&mut Socket::route().unwrap(), "lo").unwrap().unwrap();
        assert_eq!((link.index, link.name.as_str(), link.loopback, link.master), (1, "lo", true, 0));
        assert_eq!(super::link(&mut Socket::route().unwrap(), "no-such-link").unwrap(), None);
        assert_eq!(super::link(&mut Socket::route().unwrap(), "a-name-longer-than-allowed").unwrap(), None);
    }

    proptest! {
        #[test]
        fn hostile_answers_are_errors_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_link(&bytes);
            let _ = parse_address(&bytes);
            let _ = parse_route(&bytes);
        }

        #[test]
        fn hostile_attributes_of_true_kinds_are_errors_or_nothing(
            kind in prop_oneof![Just(IFLA_IFNAME), Just(IFLA_MASTER), Just(IFLA_STATS64), Just(RTA_DST), Just(IFA_LOCAL)],
            value in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut attribute = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
            attribute.extend(kind.to_ne_bytes());
            attribute.extend(&value);
            for header in [8_usize, 12, 16] {
                let bytes = [vec![AF_INET; header], attribute.clone()].concat();
                let _ = (parse_link(&bytes), parse_address(&bytes), parse_route(&bytes));
            }
        }
    }
}
