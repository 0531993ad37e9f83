//! Any order of starts, stops and daemon deaths against what must always hold: nothing is given twice, nothing is lost, and
//! the records say the same as memory and firewall.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use proptest::prelude::*;

use super::world::{World, oracle, request};
use crate::schema::ENDPOINTS;
use crate::{Endpoint, PortSocket, Protocol};

#[derive(Debug, Clone)]
enum Step {
    Start { container: u8, network: bool, port: u8 },
    Stop { container: u8 },
    Restart,
}

/// Ports that get into each other's way.
const PORTS: [&str; 8] = [
    "8080:80",
    "127.0.0.1:8080:80",
    "8080-8082:80",
    ":80",
    "8081:80/udp",
    "[::1]:8080:80",
    "[::]:8082:80",
    "127.0.0.2:8082:81",
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..6_u8, any::<bool>(), 0..PORTS.len() as u8)
            .prop_map(|(container, network, port)| Step::Start { container, network, port }),
        4 => (0..6_u8).prop_map(|container| Step::Stop { container }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

type Running = BTreeMap<String, (Endpoint, Vec<PortSocket>)>;

fn check(world: &World, running: &Running) {
    let mut addresses = HashSet::new();
    let mut ports: Vec<(Protocol, u16, IpAddr)> = Vec::new();
    for (endpoint, _) in running.values() {
        let gateway: IpAddr = endpoint.gateway4.unwrap().into();
        for address in endpoint.addresses() {
            assert!(addresses.insert((endpoint.network_id.clone(), address)) && address != gateway);
        }
        for port in &endpoint.ports {
            let ip = port.host.ip();
            for (protocol, number, other) in &ports {
                let same = *protocol == port.protocol && *number == port.host.port();
                let covers = ip == *other || ip.is_unspecified() || other.is_unspecified();
                assert!(!(same && ip.is_ipv4() == other.is_ipv4() && covers), "{port:?} and {other}");
            }
            ports.push((port.protocol, port.host.port(), ip));
        }
    }
    let mut expected: Vec<&Endpoint> = running.values().map(|(endpoint, _)| endpoint).collect();
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    let recorded = world.store.list(&ENDPOINTS).unwrap();
    let recorded: Vec<Endpoint> =
        recorded.into_iter().map(|(id, record)| record.into_endpoint(id).unwrap()).collect();
    assert_eq!(recorded.iter().collect::<Vec<_>>(), expected);
    let known = world
        .networks
        .list()
        .iter()
        .map(|network| world.networks.endpoints(&network.id).len())
        .sum::<usize>();
    assert_eq!(known, expected.len());
}

/// Elements of the port maps, by the kernel's own account.
fn published() -> Option<usize> {
    let text = oracle("nft", &["list", "table", "inet", "hythe"])?;
    Some(
        text.matches(" : ").count()
            - text.matches(": ipv4_addr . inet_service\n").count()
            - text.matches(": ipv6_addr . inet_service\n").count(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_given_twice_or_lost(steps in steps()) {
        // Each case is a host of its own; the thread goes from one to the next.
        let mut world = World::new();
        let spec = crate::NetworkSpec { name: "other".to_owned(), ..crate::NetworkSpec::default() };
        world.networks.create(&spec).unwrap();
        let mut running = Running::new();
        for step in steps {
            match step {
                Step::Start { container, network, port } => {
                    let id = format!("c{container}");
                    let network = if network { "bridge" } else { "other" };
                    if running.contains_key(&id) {
                        continue;
                    }
                    let before = world.networks.endpoints_of(&id);
                    match world.networks.reserve(&request(&id, network, &[PORTS[usize::from(port)]])) {
                        Ok(reserved) => {
                            let netns = world.networks.take_netns().unwrap();
                            world.networks.connect(&reserved.endpoint, &netns, "eth0").unwrap();
                            running.insert(id, (reserved.endpoint, reserved.sockets));
                        }
                        Err(error) => {
                            let text = error.to_string();
                            let known = text.contains("already allocated") || text.contains("all ports are allocated");
                            prop_assert!(known, "{}", text);
                            prop_assert_eq!(world.networks.endpoints_of(&id), before);
                        }
                    }
                }
                Step::Stop { container } => {
                    let id = format!("c{container}");
                    let expected: Vec<Endpoint> = running.remove(&id).map(|(endpoint, _)| endpoint).into_iter().collect();
                    prop_assert_eq!(world.networks.release(&id).unwrap(), expected);
                }
                Step::Restart => {
                    world.restart();
                    let live = running.keys().cloned().collect();
                    prop_assert_eq!(world.networks.reconcile(&live).unwrap().endpoints, 0);
                }
            }
            check(&world, &running);
        }
        // What nftables has is what a container with IPv4 only can be reached by.
        let rules: usize = running.values().map(|(endpoint, _)| endpoint.ports.iter().filter(|port| port.host.is_ipv4()).count()).sum();
        if let Some(published) = published() {
            prop_assert_eq!(published, rules);
        }
    }
}
