//! Choosing subnets and addresses. Pure: what is taken is told by the caller, who reads it from the endpoint records.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::AddressPool;

/// Docker's pools: 172.17.0.0/16 to 172.31.0.0/16 one by one, then 192.168.0.0/16 in pieces of /20.
pub(crate) fn default_pools() -> Vec<AddressPool> {
    let whole = |second: u8| AddressPool { base: v4([172, second, 0, 0], 16), size: 16 };
    let mut pools: Vec<_> = (17..=31).map(whole).collect();
    pools.push(AddressPool { base: v4([192, 168, 0, 0], 16), size: 20 });
    pools
}

fn v4(octets: [u8; 4], prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(octets), prefix))
}

/// Whether two subnets have an address in common.
pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

/// The first IPv4 subnet of the pools that overlaps nothing in use.
pub(crate) fn choose_subnet(pools: &[AddressPool], used: &[IpNet]) -> Option<Ipv4Net> {
    pools
        .iter()
        .filter_map(|pool| match pool.base {
            IpNet::V4(base) => Some((base.trunc(), pool.size)),
            IpNet::V6(_) => None,
        })
        .filter_map(|(base, size)| base.subnets(size).ok())
        .flatten()
        .find(|subnet| !used.iter().any(|other| overlap(other, &IpNet::V4(*subnet))))
}

/// An IPv6 subnet for a network that names none: of the configured pools, or the next of a local prefix (RFC 4193) whose
/// 40 random bits are `random`.
pub(crate) fn choose_subnet6(pools: &[AddressPool], random: [u8; 5], used: &[IpNet]) -> Option<Ipv6Net> {
    let mut octets = [0_u8; 16];
    octets[0] = 0xfd;
    octets[1..6].copy_from_slice(&random);
    let local = Ipv6Net::new_assert(Ipv6Addr::from(octets), 48);
    pools
        .iter()
        .filter_map(|pool| match pool.base {
            IpNet::V6(base) => Some((base.trunc(), pool.size)),
            IpNet::V4(_) => None,
        })
        .chain([(local, crate::limits::IPV6_PREFIX)])
        .filter_map(|(base, size)| base.subnets(size).ok())
        .flatten()
        .find(|subnet| !used.iter().any(|other| overlap(other, &IpNet::V6(*subnet))))
}

/// Whether an address of the subnet can be a host's: not the subnet's own and not the broadcast address, where there are
/// such (RFC 3021: a /31 has neither).
pub(crate) fn is_host(subnet: &IpNet, address: IpAddr) -> bool {
    if !subnet.contains(&address) {
        return false;
    }
    if subnet.max_prefix_len() - subnet.prefix_len() < 2 {
        return true;
    }
    match subnet {
        IpNet::V4(net) => address != net.network() && address != net.broadcast(),
        // The all-zeros host is the routers' anycast address.
        IpNet::V6(net) => address != net.network(),
    }
}

/// The lowest free host address in `range`, a part of `subnet`. As in Docker an address is given again as soon as it is
/// free.
pub(crate) fn lowest_free(subnet: &IpNet, range: &IpNet, taken: &BTreeSet<IpAddr>) -> Option<IpAddr> {
    let mut candidate = range.network();
    let end = match range {
        IpNet::V4(net) => IpAddr::V4(net.broadcast()),
        IpNet::V6(net) => IpAddr::V6(net.broadcast()),
    };
    // Walks the taken addresses, not the subnet: a /64 has too many.
    loop {
        if candidate > end {
            return None;
        }
        if !taken.contains(&candidate) && is_host(subnet, candidate) {
            return Some(candidate);
        }
        candidate = successor(candidate)?;
    }
}

fn successor(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => u32::from(v4).checked_add(1).map(|next| IpAddr::V4(next.into())),
        IpAddr::V6(v6) => u128::from(v6).checked_add(1).map(|next| IpAddr::V6(next.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn pools_are_used_in_dockers_order_around_what_the_host_uses() {
        let check = |used: &[&str], expected: Option<&str>| {
            let used: Vec<_> = used.iter().map(|text| net(text)).collect();
            let chosen = choose_subnet(&default_pools(), &used).map(|net| net.to_string());
            assert_eq!(chosen.as_deref(), expected, "{used:?}");
        };
        check(&[], Some("172.17.0.0/16"));
        check(&["172.17.0.0/16"], Some("172.18.0.0/16"));
        check(&["172.17.255.0/30", "172.18.0.0/24"], Some("172.19.0.0/16"));
        check(&["172.16.0.0/12"], Some("192.168.0.0/20"));
        check(&["172.16.0.0/12", "192.168.17.0/24"], Some("192.168.0.0/20"));
        check(&["172.16.0.0/12", "192.168.1.0/24"], Some("192.168.16.0/20"));
        check(&["0.0.0.0/1", "128.0.0.0/1"], None);
    }

    #[test]
    fn addresses_are_given_lowest_first_and_never_the_ends() {
        let check = |subnet: &str, range: &str, taken: &[&str], expected: Option<&str>| {
            let taken = taken.iter().map(|text| text.parse().unwrap()).collect();
            let free = lowest_free(&net(subnet), &net(range), &taken).map(|address| address.to_string());
            assert_eq!(free.as_deref(), expected, "{subnet} {range} {taken:?}");
        };
        check("172.17.0.0/16", "172.17.0.0/16", &["172.17.0.1"], Some("172.17.0.2"));
        check("172.17.0.0/16", "172.17.0.0/16", &["172.17.0.1", "172.17.0.3"], Some("172.17.0.2"));
        check("10.0.0.0/30", "10.0.0.0/30", &["10.0.0.1", "10.0.0.2"], None);
        check("10.0.0.0/31", "10.0.0.0/31", &["10.0.0.0"], Some("10.0.0.1"));
        check("10.0.0.0/16", "10.0.4.0/30", &[], Some("10.0.4.0"));
        check("10.0.0.0/24", "10.0.0.252/30", &["10.0.0.252", "10.0.0.253", "10.0.0.254"], None);
        check("255.255.255.0/24", "255.255.255.254/32", &["255.255.255.254"], None);
        check("fd00::/64", "fd00::/64", &["fd00::1"], Some("fd00::2"));
    }

    proptest! {
        #[test]
        fn no_address_is_given_twice_and_all_are_given(prefix in 24_u8..=32, preset in proptest::collection::btree_set(any::<u8>(), 0..40)) {
            let subnet = IpNet::V4(Ipv4Net::new(Ipv4Addr::new(10, 1, 2, 0), prefix).unwrap());
            let mut taken: BTreeSet<IpAddr> = preset.iter().map(|last| IpAddr::from([10, 1, 2, *last])).collect();
            let hosts = (0..=255_u8).map(|last| IpAddr::from([10, 1, 2, last])).filter(|a| is_host(&subnet, *a));
            let expected = hosts.filter(|a| !taken.contains(a)).count();
            let mut given = 0;
            while let Some(address) = lowest_free(&subnet, &subnet, &taken) {
                prop_assert!(is_host(&subnet, address));
                prop_assert!(taken.insert(address));
                given += 1;
            }
            prop_assert_eq!(given, expected);
        }
    }
}
