//! What must not get through.

use super::world::{HOST, NEIGHBOUR, World, ask, assert_unreachable, oracle, serve, within};
use crate::netlink::{Encoder, route};
use crate::{Config, NetworkSpec};

#[test]
fn the_table_prints_as_documented() {
    let world = World::new();
    let _container = world.start("c1", &["8080:80", "127.0.0.1:8081:81/udp"]);
    let Some(text) = oracle("nft", &["list", "ruleset"]) else { return };
    let has = |wanted: &str| assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    has("table inet hythe {");
    has("elements = { tcp . 8080 : 172.17.0.2 . 80 }");
    has("elements = { 127.0.0.1 . udp . 8081 : 172.17.0.2 . 81 }");
    has(r#"elements = { "hythe0" }"#);
    has(r#"elements = { "hythe0" . "hythe0" }"#);
    has("iifname @bridges ip saddr 127.0.0.0/8 drop");
    has("iifname @bridges ip daddr 127.0.0.0/8 drop");
    has("fib daddr type local jump ports");
    has("dnat ip to ip daddr . meta l4proto . th dport map @ports4");
    has("dnat ip to meta l4proto . th dport map @any4");
    has("dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6");
    has("ip saddr 127.0.0.0/8 oifname @bridges masquerade");
    has("iifname @bridges return");
    has("iifname @masquerade oifname != @bridges masquerade");
    has("ct state established,related accept");
    has("iifname . oifname @icc accept");
    has("oifname @bridges ct status dnat accept");
    has("oifname @bridges drop");
    assert_eq!(text.matches("table ").count(), 1);
}

#[test]
fn outside_traffic_leaves_with_the_hosts_address() {
    let world = World::new();
    let container = world.start("c1", &[]);
    let neighbour = world.neighbour();
    serve(&neighbour.netns, "192.0.2.3:80");
    assert_eq!(ask(&container.netns, "192.0.2.3:80"), Some(HOST.to_string()));
}

#[test]
fn a_neighbour_reaches_neither_loopback_ports_nor_unpublished_ones() {
    let world = World::new();
    let container = world.start("c1", &["127.0.0.1:8080:80", "8082:82"]);
    let neighbour = world.neighbour();
    neighbour.route_through_host();
    for port in [80, 81, 82] {
        serve(&container.netns, &format!("0.0.0.0:{port}"));
    }
    assert_eq!(ask(&world.home, "127.0.0.1:8080").as_deref(), Some("172.17.0.1"));
    assert_eq!(ask(&neighbour.netns, "192.0.2.2:8082"), Some(NEIGHBOUR.to_string()));
    assert_unreachable(&neighbour.netns, "192.0.2.2:8080");
    assert_unreachable(&neighbour.netns, "172.17.0.2:80");
    assert_unreachable(&neighbour.netns, "172.17.0.2:81");
    assert_unreachable(&neighbour.netns, "172.17.0.2:82");
}

// moby#45610: packets for 127.0.0.1 put on the wire, at a host that even routes them.
#[test]
fn a_neighbour_cannot_send_to_the_hosts_loopback() {
    let world = World::new();
    let container = world.start("c1", &["127.0.0.1:8080:80"]);
    let neighbour = world.neighbour();
    serve(&container.netns, "0.0.0.0:80");
    std::fs::write("/proc/sys/net/ipv4/conf/lan0/route_localnet", "1").unwrap();
    send_loopback_through(&neighbour.netns, 2, HOST.into());
    assert_unreachable(&neighbour.netns, "127.0.0.1:8080");
    assert_eq!(ask(&world.home, "127.0.0.1:8080").as_deref(), Some("172.17.0.1"));
}

#[test]
fn a_container_cannot_reach_the_hosts_loopback() {
    let world = World::new();
    let container = world.start("c1", &[]);
    let published = world.start("c2", &["127.0.0.1:8080:80"]);
    serve(&published.netns, "0.0.0.0:80");
    serve(&world.home, "127.0.0.1:7000");
    assert_eq!(ask(&world.home, "127.0.0.1:7000").as_deref(), Some("127.0.0.1"));
    send_loopback_through(&container.netns, 2, "172.17.0.1".parse().unwrap());
    assert_unreachable(&container.netns, "127.0.0.1:7000");
    assert_unreachable(&container.netns, "127.0.0.1:8080");
}

/// Makes a namespace send packets for 127.0.0.1 over a link instead of to itself.
fn send_loopback_through(netns: &crate::Netns, index: u32, gateway: std::net::IpAddr) {
    within(netns, || {
        std::fs::write("/proc/sys/net/ipv4/conf/all/route_localnet", "1").unwrap();
    });
    let mut inside = netns.inside();
    let mut batch = Encoder::new();
    route::delete_address(&mut batch, 1, "127.0.0.1/8".parse().unwrap());
    inside.route.run(batch, || "delete 127.0.0.1".to_owned()).unwrap();
    let mut batch = Encoder::new();
    route::new_route(&mut batch, index, "127.0.0.0/8".parse().unwrap(), gateway);
    inside.route.run(batch, || "route to loopback".to_owned()).unwrap();
}

#[test]
fn networks_are_apart_and_meet_only_at_published_ports() {
    let world = World::new();
    let spec = NetworkSpec { name: "other".to_owned(), ..NetworkSpec::default() };
    let (other, _) = world.networks.create(&spec).unwrap();
    assert_eq!(other.subnets().next().unwrap().to_string(), "172.18.0.0/16");
    let here = world.start("c1", &["8080:80"]);
    let there = world.try_start("c2", "other", &["8081:80"]).unwrap();
    serve(&here.netns, "0.0.0.0:80");
    serve(&there.netns, "0.0.0.0:80");
    assert_eq!(there.endpoint.ipv4.unwrap().to_string(), "172.18.0.2/16");
    assert_unreachable(&here.netns, "172.18.0.2:80");
    assert_unreachable(&there.netns, "172.17.0.2:80");
    let (here, there) = (here.relaying(), there.relaying());
    assert_eq!(ask(&here.netns, "172.17.0.1:8081").as_deref(), Some("172.18.0.1"));
    assert_eq!(ask(&there.netns, "172.18.0.1:8080").as_deref(), Some("172.17.0.1"));
}

#[test]
fn without_icc_containers_meet_only_at_published_ports() {
    let world = World::with(Config { icc: false, ..Config::default() });
    let one = world.start("c1", &["8080:80"]);
    let two = world.start("c2", &[]);
    serve(&one.netns, "0.0.0.0:80");
    serve(&one.netns, "0.0.0.0:81");
    assert_unreachable(&two.netns, "172.17.0.2:81");
    let one = one.relaying();
    assert_eq!(ask(&two.netns, "172.17.0.1:8080").as_deref(), Some("172.17.0.1"));
    assert!(one.relays > 0);
    assert_eq!(ask(&world.home, "172.17.0.2:81").as_deref(), Some("172.17.0.1"));
}

#[test]
fn an_internal_network_has_no_way_out_or_in() {
    let world = World::new();
    let spec = NetworkSpec { name: "inner".to_owned(), internal: true, ..NetworkSpec::default() };
    world.networks.create(&spec).unwrap();
    let one = world.try_start("c1", "inner", &["8080:80"]).unwrap();
    assert_eq!(one.endpoint.ports, []);
    let two = world.try_start("c2", "inner", &[]).unwrap();
    let neighbour = world.neighbour();
    neighbour.route_through_host();
    serve(&neighbour.netns, "192.0.2.3:80");
    serve(&two.netns, "0.0.0.0:80");
    assert_eq!(one.endpoint.gateway4, None);
    assert_eq!(ask(&one.netns, "172.18.0.3:80").as_deref(), Some("172.18.0.2"));
    assert_unreachable(&one.netns, "192.0.2.3:80");
    // Even if the container makes a way for itself.
    let mut batch = Encoder::new();
    route::set_default_route(&mut batch, "172.18.0.1".parse().unwrap());
    one.netns.inside().route.run(batch, || "default route".to_owned()).unwrap();
    assert_unreachable(&one.netns, "192.0.2.3:80");
    assert_unreachable(&neighbour.netns, "172.18.0.3:80");
}

#[test]
fn a_flushed_ruleset_is_made_again() {
    let world = World::new();
    let one = world.start("c1", &["8080:80"]);
    serve(&one.netns, "0.0.0.0:80");
    let mut monitor = crate::netlink::Monitor::nftables().unwrap();
    let Some(before) = oracle("nft", &["list", "ruleset"]) else { return };
    oracle("nft", &["flush", "ruleset"]);
    while monitor.read("hythe").unwrap() != crate::netlink::Events::Deleted {}
    while oracle("nft", &["list", "ruleset"]).as_deref() != Some(before.as_str()) {
        monitor.read("hythe").unwrap();
    }
    assert_eq!(ask(&world.home, "127.0.0.1:8080").as_deref(), Some("172.17.0.1"));
    world.networks.remove_all().unwrap();
    assert_eq!(oracle("nft", &["list", "ruleset"]).as_deref(), Some(""));
}

#[test]
fn a_foreign_chain_that_drops_is_named() {
    let world = World::new();
    assert_eq!(world.networks.warnings().unwrap(), [""; 0]);
    if oracle("nft", &["add table ip filter"]).is_none() {
        return;
    }
    oracle("nft", &["add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }"]);
    oracle("nft", &["add chain ip filter INPUT { type filter hook input priority 0; policy drop; }"]);
    let warnings = world.networks.warnings().unwrap();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains(r#"chain "ip filter FORWARD" drops"#), "{warnings:?}");
    // The advice works.
    let neighbour = world.neighbour();
    serve(&neighbour.netns, "192.0.2.3:80");
    let container = world.start("c1", &[]);
    assert_unreachable(&container.netns, "192.0.2.3:80");
    let advice = warnings[0].split_once("e.g.: ").unwrap().1;
    advice.split("; ").for_each(|rule| {
        oracle("nft", &[rule.strip_prefix("nft ").unwrap()]);
    });
    assert_eq!(ask(&container.netns, "192.0.2.3:80"), Some(HOST.to_string()));
}

/// A machine on another segment, routed to by this host.
fn second_segment() -> crate::Netns {
    let netns = crate::netns::Pool::start(0).unwrap().take().unwrap();
    let commands = [
        "link add lan1 type veth peer name wan1",
        "link set wan1 up",
        "link set lan1 up",
        "address add 198.51.100.1/24 dev lan1",
    ];
    commands.iter().for_each(|command| drop(oracle("ip", &command.split(' ').collect::<Vec<_>>()).unwrap()));
    let fd = std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(&netns));
    oracle("ip", &["link", "set", "wan1", "netns", &format!("/proc/{}/fd/{fd}", std::process::id())])
        .unwrap();
    within(&netns, || {
        for command in
            ["link set wan1 up", "address add 198.51.100.2/24 dev wan1", "route add default via 198.51.100.1"]
        {
            oracle("ip", &command.split(' ').collect::<Vec<_>>()).unwrap();
        }
    });
    netns
}

#[test]
fn the_host_does_not_become_a_router_for_others() {
    let forwarded = |config: Config, forwarding: &str| {
        let home = super::world::fresh_host();
        std::fs::write("/proc/sys/net/ipv4/ip_forward", forwarding).unwrap();
        let mut world = World::here(home, config);
        let neighbour = world.neighbour();
        neighbour.route_through_host();
        let behind = second_segment();
        serve(&behind, "198.51.100.2:80");
        let container = world.start("c1", &["8080:80"]);
        serve(&container.netns, "0.0.0.0:80");
        let mut seen = Vec::new();
        // The second time after the daemon was killed: forwarding is on then, and the table knows who did it.
        for _ in 0..2 {
            assert_eq!(ask(&neighbour.netns, "192.0.2.2:8080"), Some(NEIGHBOUR.to_string()));
            assert_eq!(ask(&container.netns, "198.51.100.2:80").as_deref(), Some("198.51.100.1"));
            seen.push(super::world::is_reachable(&neighbour.netns, "198.51.100.2:80"));
            world.restart();
        }
        seen
    };
    if oracle("ip", &["link"]).is_none() {
        return;
    }
    assert_eq!(forwarded(Config::default(), "0"), [false, false]);
    assert_eq!(forwarded(Config { ip_forward_no_drop: true, ..Config::default() }, "0"), [true, true]);
    // A host that is a router stays one.
    assert_eq!(forwarded(Config::default(), "1"), [true, true]);
}
