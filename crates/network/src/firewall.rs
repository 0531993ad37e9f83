//! The nftables table of this engine: constant rules over sets and maps that hold what varies.
//!
//! As `nft` would print it (v6 alike, left out here):
//! ```text
//! table inet hythe {
//!   set bridges    { type ifname }                 # every bridge of ours
//!   set icc        { type ifname . ifname }        # bridges whose containers may talk to each other, twice
//!   set masquerade { type ifname }                 # bridges whose traffic leaves with the host's address
//!   set internal   { type ifname }                 # bridges nothing leaves
//!   map ports4     { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service }
//!   map any4       { type inet_proto . inet_service : ipv4_addr . inet_service }   # published on 0.0.0.0
//!   set links      { type ipv4_addr . ipv4_addr . inet_proto . inet_service }      # who may reach whom without icc
//!   chain guard       { hook prerouting raw;    iifname @bridges, from or to 127.0.0.0/8: drop }
//!   chain prerouting  { hook prerouting dstnat; to 127.0.0.0/8 or from @bridges: return; to this host: jump ports }
//!   chain output      { hook output dstnat;     to this host: jump ports }
//!   chain ports       { dnat by @ports4, then by @any4 }
//!   chain postrouting { hook postrouting srcnat; from 127.0.0.0/8 to a bridge: masquerade; from @masquerade outwards: masquerade }
//!   chain forward     { hook forward filter;    established: accept; in . out in @icc: accept;
//!                       from . to . port in @links: accept; to a bridge, rewritten: accept; to a bridge: drop; from @internal: drop; jump router4 }
//!   chain router4     { not from a bridge: drop }    # only if this engine made the host forward
//! }
//! ```
//! Invariants: one change is one transaction; no other table is touched; a packet reaches a container only as an answer,
//! from its own bridge, or because its destination was rewritten by a published port. Packets for 127.0.0.0/8 are
//! rewritten only when this host sent them itself, so a port published there cannot be reached from the wire
//! (moby#45610); a container can neither claim to be 127.0.0.1 nor reach the host's loopback, although `route_localnet` is
//! on for the bridges.
//!
//! What containers send to a published port of this host is not rewritten: it arrives at the socket that holds the port,
//! whose holder relays it, as with Docker. Rewriting it would fail where bridged frames pass through netfilter too
//! (`bridge-nf-call-iptables`, the kernel's default): the bridge would deliver the frame itself, and refuses to do that to
//! the port it came from or between isolated ports.
//!
//! Known limit: nftables tables are independent. A host whose own `FORWARD` chain drops by policy (ufw, an installed
//! Docker) must accept the bridges there: an accept here cannot overrule it. [`Firewall::foreign_barriers`] finds such
//! chains, so that the user can be told.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use errdefs::Result;
use rustix::io::Errno;

use crate::netlink::nftables::{
    BaseChain, Element, Expression as Step, Hook, KIND_LOCAL, Kind, REGISTER, Transaction, Verdict,
    base_chains, connection, family, get_chain, get_table, hook, meta,
};
use crate::netlink::{Encoder, Socket};
use crate::{Endpoint, Protocol, Reach};

/// A bridge as the firewall sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bridge {
    pub(crate) name: String,
    pub(crate) icc: bool,
    pub(crate) masquerade: bool,
    pub(crate) internal: bool,
}

/// An element and the set it belongs to.
pub(crate) type Entry = (&'static str, Element);

const BRIDGES: &str = "bridges";
const ICC: &str = "icc";
const MASQUERADE: &str = "masquerade";
const INTERNAL: &str = "internal";
const PORTS4: &str = "ports4";
const ANY4: &str = "any4";
const PORTS6: &str = "ports6";
const ANY6: &str = "any6";
const LINKS: &str = "links";

/// Their being there is what a later daemon knows the guard by.
const ROUTER4: &str = "router4";
const ROUTER6: &str = "router6";

const NFPROTO_IPV4: &[u8] = &[2];
const NFPROTO_IPV6: &[u8] = &[10];
const LOOPBACK_MASK: &[u8] = &[255, 0, 0, 0];
const LOOPBACK: &[u8] = &[127, 0, 0, 0];

/// The table and the one socket that changes it.
#[derive(Debug)]
pub(crate) struct Firewall {
    table: String,
    socket: Socket,
    /// Families that the host would not forward without this engine.
    pub(crate) guard: Guard,
}

/// Families of which nothing is forwarded but for containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Guard {
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

impl Firewall {
    /// Opens the socket in the calling thread's network namespace. The table is made by [`Firewall::rebuild`].
    pub(crate) fn open(table: &str) -> Result<Self> {
        Ok(Self { table: table.to_owned(), socket: Socket::netfilter()?, guard: Guard::default() })
    }

    /// Netlink messages sent so far.
    pub(crate) fn messages(&self) -> u64 {
        self.socket.messages()
    }

    /// Replaces the whole table in one transaction.
    pub(crate) fn rebuild(&mut self, bridges: &[Bridge], ports: &[Entry]) -> Result<()> {
        let mut change = Transaction::new(&self.table);
        // Adding first makes the deletion valid when there is no table yet.
        change.table();
        change.delete_table();
        change.table();
        declare_sets(&mut change);
        declare_chains(&mut change);
        declare_guard(&mut change, self.guard);
        add(&mut change, &bridges.iter().flat_map(bridge_entries).collect::<Vec<_>>());
        add(&mut change, ports);
        self.socket.run(change.finish(), || "rebuild the nftables table".to_owned())
    }

    /// Adds and removes elements in one transaction. False if the table is not as it should be (somebody flushed the
    /// ruleset): then it must be rebuilt.
    pub(crate) fn change(&mut self, added: &[Entry], removed: &[Entry]) -> Result<bool> {
        if added.is_empty() && removed.is_empty() {
            return Ok(true);
        }
        let mut change = Transaction::new(&self.table);
        for_each_set(removed, |set, elements| change.remove(set, elements));
        add(&mut change, added);
        match self.socket.send(change.finish())? {
            Ok(()) => Ok(true),
            Err(refused) if matches!(refused.errno, Errno::NOENT | Errno::EXIST) => Ok(false),
            Err(refused) => Err(errdefs::system("change the nftables table").with_source(refused)),
        }
    }

    /// Takes over from the table of an earlier daemon which families it guards.
    pub(crate) fn remember_guard(&mut self) -> Result<()> {
        self.guard = Guard { v4: self.has_chain(ROUTER4)?, v6: self.has_chain(ROUTER6)? };
        Ok(())
    }

    fn has_chain(&mut self, chain: &str) -> Result<bool> {
        let mut request = Encoder::new();
        get_chain(&mut request, &self.table, chain);
        match self.socket.try_query(request, |_, _| Ok(()))? {
            Ok(()) => Ok(true),
            Err(refused) if refused.errno == Errno::NOENT => Ok(false),
            Err(refused) => {
                Err(errdefs::system("look for a chain of the nftables table").with_source(refused))
            }
        }
    }

    /// Whether there is a table.
    pub(crate) fn exists(&mut self) -> Result<bool> {
        let mut request = Encoder::new();
        get_table(&mut request, &self.table);
        match self.socket.try_query(request, |_, _| Ok(()))? {
            Ok(()) => Ok(true),
            Err(refused) if refused.errno == Errno::NOENT => Ok(false),
            Err(refused) => Err(errdefs::system("look for the nftables table").with_source(refused)),
        }
    }

    /// Chains of others that drop by policy what is forwarded: no rule of ours can let it pass.
    pub(crate) fn foreign_barriers(&mut self) -> Result<Vec<String>> {
        let chains = base_chains(&mut self.socket)?;
        let barrier = |chain: &BaseChain| chain.hook == hook::FORWARD && chain.drops;
        Ok(chains.into_iter().filter(barrier).map(|chain| chain.name).collect())
    }

    /// Removes the table, if it is there.
    pub(crate) fn remove(&mut self) -> Result<()> {
        let mut change = Transaction::new(&self.table);
        change.table();
        change.delete_table();
        self.socket.run(change.finish(), || "remove the nftables table".to_owned())
    }
}

fn add(change: &mut Transaction<'_>, entries: &[Entry]) {
    for_each_set(entries, |set, elements| change.add(set, elements));
}

fn for_each_set(entries: &[Entry], mut each: impl FnMut(&'static str, std::vec::IntoIter<&Element>)) {
    let sets: BTreeSet<&'static str> = entries.iter().map(|(set, _)| *set).collect();
    for set in sets {
        let elements: Vec<&Element> =
            entries.iter().filter(|(s, _)| *s == set).map(|(_, element)| element).collect();
        each(set, elements.into_iter());
    }
}

/// What a bridge is in the sets.
pub(crate) fn bridge_entries(bridge: &Bridge) -> Vec<Entry> {
    let name = interface(&bridge.name);
    let single = |set| (set, Element { key: name.to_vec(), data: Vec::new() });
    let mut entries = vec![single(BRIDGES)];
    if bridge.icc {
        entries.push((ICC, Element { key: [name, name].concat(), data: Vec::new() }));
    }
    if bridge.masquerade {
        entries.push(single(MASQUERADE));
    }
    if bridge.internal {
        entries.push(single(INTERNAL));
    }
    entries
}

/// All that an endpoint has in the sets and maps.
pub(crate) fn entries(endpoint: &Endpoint) -> Vec<Entry> {
    let mut all = port_entries(endpoint);
    all.extend(reach_entries(endpoint, &endpoint.reaches));
    all
}

/// What an endpoint may reach.
pub(crate) fn reach_entries(endpoint: &Endpoint, reaches: &[Reach]) -> Vec<Entry> {
    let Some(from) = endpoint.ipv4.map(|net| net.addr()) else { return Vec::new() };
    let one = |reach: &Reach| {
        let mut key = from.octets().to_vec();
        key.extend(reach.to.octets());
        key.extend([protocol_number(reach.protocol), 0, 0, 0]);
        key.extend(port(reach.port));
        (LINKS, Element { key, data: Vec::new() })
    };
    reaches.iter().map(one).collect()
}

/// What the published ports of an endpoint are in the maps. A port on an address of a family that the container does not
/// have is not there: its shim relays it. So is one on ::1, which cannot be routed.
pub(crate) fn port_entries(endpoint: &Endpoint) -> Vec<Entry> {
    let to4 = endpoint.ipv4.map(|net| IpAddr::V4(net.addr()));
    let to6 = endpoint.ipv6.map(|net| IpAddr::V6(net.addr()));
    endpoint
        .ports
        .iter()
        .filter_map(|port| {
            let target = match port.host.ip() {
                IpAddr::V4(_) => to4?,
                IpAddr::V6(host) if host.is_loopback() => return None,
                IpAddr::V6(_) => to6?,
            };
            let target = SocketAddr::new(target, port.container_port);
            Some(port_entry(port.host, port.protocol, target))
        })
        .collect()
}

fn port_entry(host: SocketAddr, protocol: Protocol, target: SocketAddr) -> Entry {
    let (set, mut key) = match host.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (ANY4, Vec::new()),
        IpAddr::V4(ip) => (PORTS4, ip.octets().to_vec()),
        IpAddr::V6(ip) if ip.is_unspecified() => (ANY6, Vec::new()),
        IpAddr::V6(ip) => (PORTS6, ip.octets().to_vec()),
    };
    key.extend([protocol_number(protocol), 0, 0, 0]);
    key.extend(port(host.port()));
    let mut data = match target.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    data.extend(port(target.port()));
    (set, Element { key, data })
}

/// A port as part of a concatenation: network byte order, padded to a register.
fn port(port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    [high, low, 0, 0]
}

fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

fn interface(name: &str) -> [u8; 16] {
    let mut padded = [0; 16];
    let length = name.len().min(crate::limits::LINK_NAME_MAX);
    padded[..length].copy_from_slice(&name.as_bytes()[..length]);
    padded
}

fn declare_sets(change: &mut Transaction<'_>) {
    use Kind::{InterfaceName, Ipv4, Ipv6, Port, Protocol};
    change.set(BRIDGES, 1, &[InterfaceName], &[]);
    change.set(ICC, 2, &[InterfaceName, InterfaceName], &[]);
    change.set(MASQUERADE, 3, &[InterfaceName], &[]);
    change.set(INTERNAL, 4, &[InterfaceName], &[]);
    change.set(PORTS4, 5, &[Ipv4, Protocol, Port], &[Ipv4, Port]);
    change.set(ANY4, 6, &[Protocol, Port], &[Ipv4, Port]);
    change.set(PORTS6, 7, &[Ipv6, Protocol, Port], &[Ipv6, Port]);
    change.set(ANY6, 8, &[Protocol, Port], &[Ipv6, Port]);
    change.set(LINKS, 9, &[Ipv4, Ipv4, Protocol, Port], &[]);
}

// Well-known priorities, as `nft` names them.
const RAW: i32 = -300;
const DSTNAT: i32 = -100;
const FILTER: i32 = 0;
const SRCNAT: i32 = 100;

fn declare_chains(change: &mut Transaction<'_>) {
    let base = |number, priority, kind| Some(Hook { number, priority, kind });
    change.chain("guard", base(hook::PREROUTING, RAW, "filter"));
    change.chain("prerouting", base(hook::PREROUTING, DSTNAT, "nat"));
    change.chain("output", base(hook::OUTPUT, DSTNAT, "nat"));
    change.chain("postrouting", base(hook::POSTROUTING, SRCNAT, "nat"));
    change.chain("forward", base(hook::FORWARD, FILTER, "filter"));
    change.chain("ports", None);
    guard_rules(change);
    nat_rules(change);
    port_rules(change);
    forward_rules(change);
}

const R: u32 = REGISTER;

fn in_set(key: u32, set: &str, not: bool) -> [Step<'_>; 2] {
    [Step::Meta { key, register: R }, Step::Lookup { set, register: R, data: None, not }]
}

fn is_family(value: &[u8]) -> [Step<'_>; 2] {
    [Step::Meta { key: meta::FAMILY, register: R }, Step::Compare { register: R, value, not: false }]
}

/// Offsets of the addresses in an IPv4 header.
const IPV4_SOURCE: u32 = 12;
const IPV4_DESTINATION: u32 = 16;
/// Offset of the destination in an IPv6 header.
const IPV6_DESTINATION: u32 = 24;

fn is_loopback4(offset: u32) -> [Step<'static>; 5] {
    let [load, compare] = is_family(NFPROTO_IPV4);
    [
        load,
        compare,
        Step::Network { offset, length: 4, register: R },
        Step::Mask { register: R, mask: LOOPBACK_MASK },
        Step::Compare { register: R, value: LOOPBACK, not: false },
    ]
}

fn rewritten(value: &'static [u8; 4]) -> [Step<'static>; 3] {
    [
        Step::Connection { key: connection::STATUS, register: R },
        Step::Mask { register: R, mask: value },
        Step::Compare { register: R, value: &[0; 4], not: true },
    ]
}

const DESTINATION_NAT: &[u8; 4] = &connection::DESTINATION_NAT.to_ne_bytes();
const ANSWERS: &[u8; 4] = &connection::ESTABLISHED_OR_RELATED.to_ne_bytes();
const LOCAL: &[u8; 4] = &KIND_LOCAL.to_ne_bytes();

fn rule(change: &mut Transaction<'_>, chain: &str, steps: &[&[Step<'_>]], verdict: Step<'_>) {
    let mut all: Vec<Step<'_>> = steps.iter().flat_map(|part| part.iter().copied()).collect();
    all.push(verdict);
    change.rule(chain, &all);
}

fn guard_rules(change: &mut Transaction<'_>) {
    let from_bridge = in_set(meta::INPUT_NAME, BRIDGES, false);
    for offset in [IPV4_SOURCE, IPV4_DESTINATION] {
        rule(change, "guard", &[&from_bridge, &is_loopback4(offset)], Step::Verdict(Verdict::Drop));
    }
}

fn nat_rules(change: &mut Transaction<'_>) {
    let to_us =
        [Step::DestinationKind { register: R }, Step::Compare { register: R, value: LOCAL, not: false }];
    rule(change, "prerouting", &[&is_loopback4(IPV4_DESTINATION)], Step::Verdict(Verdict::Return));
    let from_bridge = in_set(meta::INPUT_NAME, BRIDGES, false);
    rule(change, "prerouting", &[&from_bridge], Step::Verdict(Verdict::Return));
    rule(change, "prerouting", &[&to_us], Step::Verdict(Verdict::Jump("ports")));
    rule(change, "output", &[&to_us], Step::Verdict(Verdict::Jump("ports")));

    let to_bridge = in_set(meta::OUTPUT_NAME, BRIDGES, false);
    rule(change, "postrouting", &[&is_loopback4(IPV4_SOURCE), &to_bridge], Step::Masquerade);
    let outward = in_set(meta::OUTPUT_NAME, BRIDGES, true);
    rule(change, "postrouting", &[&in_set(meta::INPUT_NAME, MASQUERADE, false), &outward], Step::Masquerade);
}

fn port_rules(change: &mut Transaction<'_>) {
    // Address words come first in the key: one for IPv4, four for IPv6.
    for (nfproto, number, offset, words, exact, any) in [
        (NFPROTO_IPV4, family::IPV4, IPV4_DESTINATION, 1, PORTS4, ANY4),
        (NFPROTO_IPV6, family::IPV6, IPV6_DESTINATION, 4, PORTS6, ANY6),
    ] {
        let same_family = is_family(nfproto);
        let key = [
            Step::Network { offset, length: words * 4, register: R },
            Step::Meta { key: meta::PROTOCOL, register: R + words },
            Step::DestinationPort { register: R + words + 1 },
        ];
        let nat = Step::DestinationNat { family: number, address: R, port: R + words };
        let lookup = Step::Lookup { set: exact, register: R, data: Some(R), not: false };
        rule(change, "ports", &[&same_family, &key, &[lookup]], nat);
        let key = [
            Step::Meta { key: meta::PROTOCOL, register: R },
            Step::DestinationPort { register: R + 1 },
            Step::Lookup { set: any, register: R, data: Some(R), not: false },
        ];
        rule(change, "ports", &[&same_family, &key], nat);
    }
}

fn forward_rules(change: &mut Transaction<'_>) {
    let answers = [
        Step::Connection { key: connection::STATE, register: R },
        Step::Mask { register: R, mask: ANSWERS },
        Step::Compare { register: R, value: &[0; 4], not: true },
    ];
    rule(change, "forward", &[&answers], Step::Verdict(Verdict::Accept));
    // Two names are four registers each.
    let same_bridge = [
        Step::Meta { key: meta::INPUT_NAME, register: R },
        Step::Meta { key: meta::OUTPUT_NAME, register: R + 4 },
        Step::Lookup { set: ICC, register: R, data: None, not: false },
    ];
    rule(change, "forward", &[&same_bridge], Step::Verdict(Verdict::Accept));
    let [load, compare] = is_family(NFPROTO_IPV4);
    let linked = [
        load,
        compare,
        Step::Network { offset: IPV4_SOURCE, length: 8, register: R },
        Step::Meta { key: meta::PROTOCOL, register: R + 2 },
        Step::DestinationPort { register: R + 3 },
        Step::Lookup { set: LINKS, register: R, data: None, not: false },
    ];
    rule(change, "forward", &[&linked], Step::Verdict(Verdict::Accept));
    let to_bridge = in_set(meta::OUTPUT_NAME, BRIDGES, false);
    rule(change, "forward", &[&to_bridge, &rewritten(DESTINATION_NAT)], Step::Verdict(Verdict::Accept));
    rule(change, "forward", &[&to_bridge], Step::Verdict(Verdict::Drop));
    rule(change, "forward", &[&in_set(meta::INPUT_NAME, INTERNAL, false)], Step::Verdict(Verdict::Drop));
}

fn declare_guard(change: &mut Transaction<'_>, guard: Guard) {
    for (wanted, chain, family) in [(guard.v4, ROUTER4, NFPROTO_IPV4), (guard.v6, ROUTER6, NFPROTO_IPV6)] {
        if wanted {
            change.chain(chain, None);
            let foreign = in_set(meta::INPUT_NAME, BRIDGES, true);
            rule(change, chain, &[&foreign], Step::Verdict(Verdict::Drop));
            rule(change, "forward", &[&is_family(family)], Step::Verdict(Verdict::Jump(chain)));
        }
    }
}
