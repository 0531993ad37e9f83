//! Containers come and go; what they leave.

use std::collections::HashSet;

use super::world::{World, ask, oracle, request, serve, within};
use crate::netlink::{Socket, route};

fn links() -> Vec<String> {
    let mut socket = Socket::route().unwrap();
    route::links(&mut socket).unwrap().into_iter().map(|link| link.name).collect()
}

#[test]
fn the_default_bridge_is_dockers_by_another_name() {
    let world = World::new();
    let bridge = world.networks.get("bridge").unwrap();
    assert_eq!(bridge.subnets().next().unwrap().to_string(), "172.17.0.0/16");
    assert_eq!(world.networks.host_gateway(), [std::net::IpAddr::from([172, 17, 0, 1])]);
    let names: Vec<_> = world.networks.list().iter().map(|network| network.name.clone()).collect();
    assert_eq!(names, ["bridge", "host", "none"]);
    let read = |path: &str| std::fs::read_to_string(path).unwrap().trim().to_owned();
    assert_eq!(read("/proc/sys/net/ipv4/ip_forward"), "1");
    assert_eq!(read("/proc/sys/net/ipv4/conf/hythe0/route_localnet"), "1");
    assert_eq!(read("/proc/sys/net/ipv6/conf/hythe0/accept_ra"), "0");
    assert_eq!(read("/proc/sys/net/ipv6/conf/hythe0/disable_ipv6"), "1");
}

#[test]
fn a_container_sees_what_it_would_see_under_docker() {
    let world = World::new();
    let container = world.start("c1", &[]);
    assert_eq!(container.endpoint.ipv4.unwrap().to_string(), "172.17.0.2/16");
    assert_eq!(container.endpoint.gateway4.unwrap().to_string(), "172.17.0.1");
    let links = route::links(&mut container.netns.inside().route).unwrap();
    let seen: Vec<_> = links.iter().map(|link| (link.index, link.name.as_str(), link.up)).collect();
    assert_eq!(seen, [(1, "lo", true), (2, "eth0", true)]);
    within(&container.netns, || {
        let read = |path: &str| std::fs::read_to_string(path).unwrap().trim().to_owned();
        assert_eq!(read("/proc/sys/net/ipv4/ping_group_range"), "0\t2147483647");
        assert_eq!(read("/proc/sys/net/ipv4/ip_unprivileged_port_start"), "0");
        let disabled = ["all", "default", "lo", "eth0"]
            .map(|link| read(&format!("/proc/sys/net/ipv6/conf/{link}/disable_ipv6")));
        assert_eq!(disabled, ["0", "0", "0", "1"]);
        assert_eq!(read("/proc/sys/net/ipv6/conf/eth0/accept_ra"), "0");
        if let Some(text) = oracle("ip", &["-4", "-o", "address", "show", "eth0"]) {
            assert!(text.contains("inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0"), "{text}");
        }
        if let Some(text) = oracle("ip", &["link", "show", "eth0"]) {
            assert!(text.contains(&container.endpoint.mac_text()) && text.contains("mtu 1500"), "{text}");
        }
        if let Some(text) = oracle("ip", &["-6", "-o", "address", "show", "eth0"]) {
            assert_eq!(text, "", "no link-local address on an IPv4-only network");
        }
        if let Some(text) = oracle("ip", &["route"]) {
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            let subnet = "172.17.0.0/16 dev eth0 proto kernel scope link src 172.17.0.2";
            assert_eq!(lines, ["default via 172.17.0.1 dev eth0", subnet]);
        }
    });
    let statistics = world.networks.statistics(&container.netns).unwrap();
    assert_eq!(statistics.len(), 1);
    assert_eq!(statistics[0].name, "eth0");
}

#[test]
fn containers_talk_to_each_other_and_the_host_and_are_counted() {
    let world = World::new();
    let one = world.start("c1", &[]);
    let two = world.start("c2", &[]);
    serve(&two.netns, "0.0.0.0:80");
    assert_eq!(ask(&one.netns, "172.17.0.3:80").as_deref(), Some("172.17.0.2"));
    assert_eq!(ask(&world.home, "172.17.0.3:80").as_deref(), Some("172.17.0.1"));
    serve(&world.home, "172.17.0.1:8080");
    assert_eq!(ask(&two.netns, "172.17.0.1:8080").as_deref(), Some("172.17.0.3"));
    let statistics = &world.networks.statistics(&two.netns).unwrap()[0];
    assert!(statistics.rx_bytes > 0 && statistics.tx_packets > 0, "{statistics:?}");
}

#[test]
fn a_start_costs_few_netlink_messages() {
    let world = World::new();
    let before = world.networks.messages_sent();
    let container = world.start("c1", &["8080:80", "127.0.0.1:8081:81", "8082:82/udp"]);
    let sent = world.networks.messages_sent() - before;
    // The bridge's index, the veth pair, its end up; begin, the elements of two maps, end.
    assert!(sent <= 7, "{sent}");
    let inside = container.netns.inside().route.messages();
    // Loopback up (in the pool); link up, address, default route.
    assert!(inside <= 4, "{inside}");
}

#[test]
fn addresses_are_given_again_and_nothing_stays_behind() {
    let world = World::new();
    let before = links();
    let table = oracle("nft", &["list", "ruleset"]);
    for _ in 0..3 {
        let container = world.start("c1", &["8080:80"]);
        assert_eq!(container.endpoint.ipv4.unwrap().to_string(), "172.17.0.2/16");
        assert_eq!(world.networks.release("c1").unwrap(), std::slice::from_ref(&container.endpoint));
        // As the engine does when the container is gone: with the last descriptor the namespace dies, and the veth.
        let link = container.endpoint.host_link.clone();
        drop(container);
        let mut socket = Socket::route().unwrap();
        let mut batch = crate::netlink::Encoder::new();
        route::delete_link(&mut batch, &link);
        let _ = socket.send(batch).unwrap();
    }
    assert_eq!(links(), before);
    assert_eq!(oracle("nft", &["list", "ruleset"]), table);
    assert_eq!(world.networks.endpoints_of("c1"), []);
    assert_eq!(world.networks.release("c1").unwrap(), []);
}

#[test]
fn a_daemon_killed_with_containers_running_finds_them_again() {
    let mut world = World::new();
    let alive = world.start("alive", &["8080:80"]);
    let dead = world.start("dead", &["8081:80"]);
    serve(&alive.netns, "0.0.0.0:80");
    world.restart();
    // Its rules were never away, and a new start does not get what it has.
    assert_eq!(ask(&world.home, "127.0.0.1:8080").as_deref(), Some("172.17.0.1"));
    let live = HashSet::from(["alive".to_owned()]);
    drop(dead.sockets);
    let reconciled = world.networks.reconcile(&live).unwrap();
    assert_eq!((reconciled.endpoints, reconciled.links), (1, 1));
    assert_eq!(world.networks.reconcile(&live).unwrap(), crate::Reconciled::default());
    assert_eq!(ask(&world.home, "127.0.0.1:8080").as_deref(), Some("172.17.0.1"));
    let error = world.networks.reserve(&request("new", "bridge", &["8080:80"])).unwrap_err();
    assert!(
        error.to_string().ends_with("Bind for 0.0.0.0:8080 failed: port is already allocated"),
        "{error}"
    );
    let new = world.start("new", &["8081:80"]);
    assert_eq!(new.endpoint.ipv4.unwrap().to_string(), "172.17.0.3/16");
}

#[test]
fn removing_all_leaves_the_host_as_it_was() {
    let world = World::new();
    let _container = world.start("c1", &["8080:80"]);
    assert!(links().contains(&"hythe0".to_owned()));
    world.networks.remove_all().unwrap();
    assert_eq!(links(), ["lo"]);
    if let Some(text) = oracle("nft", &["list", "ruleset"]) {
        assert_eq!(text, "");
    }
}

#[test]
fn many_at_once_get_different_addresses_and_ports_and_leave_nothing() {
    const WORKERS: usize = 8;
    const ROUNDS: usize = 12;
    let world = World::new();
    let before = (links(), oracle("nft", &["list", "ruleset"]));
    let seen = std::sync::Mutex::new((HashSet::new(), HashSet::new()));
    let starts = |worker: usize| {
        for round in 0..ROUNDS {
            let id = format!("c{worker}-{round}");
            let container = world.start(&id, &[":80", "9000-9100:81"]);
            let address = container.endpoint.ipv4.unwrap();
            let hosts: Vec<_> = container.endpoint.ports.iter().map(|port| port.host).collect();
            {
                let mut seen = seen.lock().unwrap();
                assert!(seen.0.insert(address), "{address} is given twice");
                hosts.iter().for_each(|host| assert!(seen.1.insert(*host), "{host} is given twice"));
            }
            // Freed here, before the engine frees it: nobody may get it earlier.
            {
                let mut seen = seen.lock().unwrap();
                seen.0.remove(&address);
                hosts.iter().for_each(|host| assert!(seen.1.remove(host)));
            }
            assert_eq!(world.networks.release(&id).unwrap().len(), 1);
        }
    };
    std::thread::scope(|scope| (0..WORKERS).for_each(|worker| drop(scope.spawn(move || starts(worker)))));
    assert_eq!(world.networks.endpoints(&world.networks.get("bridge").unwrap().id), []);
    assert_eq!(oracle("nft", &["list", "ruleset"]), before.1);
    // Namespaces die when the kernel finds time; what is left of them is found and removed at the latest now.
    world.networks.reconcile(&HashSet::new()).unwrap();
    assert_eq!(links(), before.0);
}

#[test]
fn a_failed_connect_leaves_nothing_but_the_record() {
    let world = World::new();
    let before = (links(), oracle("nft", &["list", "ruleset"]));
    let reservation = world.networks.reserve(&request("c1", "bridge", &["8080:80"])).unwrap();
    let netns = world.networks.take_netns().unwrap();
    // The interface's name is taken inside.
    let error = world.networks.connect(&reservation.endpoint, &netns, "lo").unwrap_err();
    assert!(error.to_string().starts_with("connect name-of-c1 to network bridge: make link lo: "), "{error}");
    // Only configuring fails: the gateway is not in the subnet.
    let mut wrong = reservation.endpoint.clone();
    wrong.gateway4 = Some("192.0.2.77".parse().unwrap());
    let error = world.networks.connect(&wrong, &netns, "eth0").unwrap_err();
    assert!(error.to_string().contains("set addresses and routes: "), "{error}");
    assert_eq!((links(), oracle("nft", &["list", "ruleset"])), before);
    assert_eq!(world.networks.release("c1").unwrap(), [reservation.endpoint]);
}

#[test]
fn records_survive_what_memory_does_not() {
    let mut world = World::new();
    let container = world.start("c1", &["8080:80", ":81/udp"]);
    world.networks.rename("c1", "new-name").unwrap();
    world.restart();
    let mut expected = container.endpoint.clone();
    expected.container_name = "new-name".to_owned();
    assert_eq!(world.networks.endpoints_of("c1"), [expected]);
}

#[test]
fn what_a_crash_left_half_done_is_found() {
    let mut world = World::new();
    // A record without its link: the daemon died between the two.
    world.networks.reserve(&request("reserved", "bridge", &["8080:80"])).unwrap();
    // A link without its record: it died while removing.
    let container = world.start("c1", &[]);
    world.store.delete(&crate::schema::ENDPOINTS, &container.endpoint.id).unwrap();
    world.restart();
    assert!(links().contains(&container.endpoint.host_link));
    let reconciled = world.networks.reconcile(&HashSet::new()).unwrap();
    assert_eq!((reconciled.endpoints, reconciled.links), (1, 1));
    assert!(!links().contains(&container.endpoint.host_link));
    let container = world.start("c2", &["8080:80"]);
    assert_eq!(container.endpoint.ipv4.unwrap().to_string(), "172.17.0.2/16");
}
