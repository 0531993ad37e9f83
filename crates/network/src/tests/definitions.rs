//! Making and removing networks, in Docker's words.

use std::collections::BTreeMap;

use super::world::{World, ask, oracle, request, serve, within};
use crate::{Config, EndpointRequest, IpamConfig, NetworkSpec};

fn spec(name: &str) -> NetworkSpec {
    NetworkSpec { name: name.to_owned(), ..NetworkSpec::default() }
}

fn subnet(text: &str) -> IpamConfig {
    IpamConfig { subnet: Some(text.parse().unwrap()), ..IpamConfig::default() }
}

fn with_subnet(name: &str, config: IpamConfig) -> NetworkSpec {
    let mut spec = spec(name);
    spec.ipam.config = vec![config];
    spec
}

fn with_option(name: &str, option: &str, value: &str) -> NetworkSpec {
    NetworkSpec { options: BTreeMap::from([(option.to_owned(), value.to_owned())]), ..spec(name) }
}

#[test]
fn requests_are_refused_in_dockers_words() {
    use errdefs::Class::{Conflict, Forbidden, InvalidParameter, NotFound, NotImplemented};
    let world = World::new();
    world.networks.create(&spec("t1")).unwrap();
    let before = world.networks.list();
    let check = |spec: NetworkSpec, class, text: &str| {
        let error = world.networks.create(&spec).unwrap_err();
        assert_eq!((error.class(), error.to_string().as_str()), (class, text));
    };
    let overlap = "invalid pool request: Pool overlaps with other one on this address space";
    check(spec(""), InvalidParameter, "invalid name: name is empty");
    check(spec("bridge"), Forbidden, "operation is not permitted on predefined bridge network ");
    check(spec("t1"), Conflict, "network with name t1 already exists");
    check(NetworkSpec { driver: "foo".into(), ..spec("t2") }, NotFound, r#"plugin "foo" not found"#);
    check(
        NetworkSpec { driver: "host".into(), ..spec("t2") },
        Forbidden,
        r#"only one instance of "host" network is allowed"#,
    );
    let macvlan = NetworkSpec { driver: "macvlan".into(), ..spec("t2") };
    check(macvlan, NotImplemented, r#"network driver "macvlan" is not implemented"#);
    check(with_subnet("t2", subnet("172.17.5.0/24")), Forbidden, overlap);
    check(with_subnet("t2", subnet("172.16.0.0/12")), Forbidden, overlap);
    let text = "invalid network config:\ninvalid subnet 10.9.0.1/24: it should be 10.9.0.0/24";
    check(with_subnet("t2", subnet("10.9.0.1/24")), InvalidParameter, text);
    let range = IpamConfig { ip_range: Some("10.8.0.0/24".parse().unwrap()), ..subnet("10.9.0.0/24") };
    let text = "invalid network config:\ninvalid ip-range 10.8.0.0/24: parent subnet 10.9.0.0/24 doesn't contain ip-range";
    check(with_subnet("t2", range), InvalidParameter, text);
    let gateway = IpamConfig { gateway: Some("10.65.0.255".parse().unwrap()), ..subnet("10.65.0.0/24") };
    check(
        with_subnet("t2", gateway),
        Forbidden,
        "failed to allocate gateway (10.65.0.255): Address already in use",
    );
    let aux = BTreeMap::from([("a".to_owned(), "10.65.0.1".parse().unwrap())]);
    let aux = IpamConfig { aux_addresses: aux, ..subnet("10.65.0.0/24") };
    let text = "failed to allocate secondary ip address (a:10.65.0.1): Address already in use";
    check(with_subnet("t2", aux), Forbidden, text);
    let mut two = spec("t2");
    two.ipam.config = vec![subnet("10.9.0.0/24"), subnet("10.10.0.0/24")];
    check(two, Forbidden, "bridge driver doesn't support multiple subnets");
    let text = "failed to parse com.docker.network.driver.mtu value: foo (strconv.Atoi: parsing \"foo\": invalid syntax)";
    check(with_option("t2", "com.docker.network.driver.mtu", "foo"), InvalidParameter, text);
    let text = "com.docker.network.bridge.gateway_mode_ipv4=routed is not implemented";
    check(with_option("t2", "com.docker.network.bridge.gateway_mode_ipv4", "routed"), NotImplemented, text);
    let error =
        world.networks.create(&with_option("t2", "com.docker.network.bridge.name", "hythe0")).unwrap_err();
    assert!(error.to_string().ends_with("networks have same bridge name"), "{error}");
    // What was refused has left nothing.
    assert_eq!(world.networks.list(), before);
}

#[test]
fn networks_are_found_by_id_name_and_prefix() {
    let world = World::new();
    let (made, _) = world.networks.create(&spec("t1")).unwrap();
    for term in [made.id.as_str(), "t1", &made.id[..12]] {
        assert_eq!(world.networks.get(term).unwrap().id, made.id, "{term}");
    }
    for term in ["", "t", "zzz"] {
        assert_eq!(world.networks.get(term).unwrap_err().to_string(), format!("network {term} not found"));
    }
}

#[test]
fn a_network_lives_until_it_is_removed() {
    let mut world = World::new();
    let (made, _) =
        world.networks.create(&with_option("t1", "com.docker.network.driver.mtu", "1400")).unwrap();
    assert_eq!(made.bridge, format!("hy-{}", &made.id[..12]));
    world.restart();
    assert_eq!(world.networks.get("t1").unwrap(), made);
    let container = world.try_start("c1", "t1", &[]).unwrap();
    serve(&container.netns, "0.0.0.0:80");
    assert_eq!(ask(&world.home, "172.18.0.2:80").as_deref(), Some("172.18.0.1"));
    if let Some(text) = within(&container.netns, || oracle("ip", &["link", "show", "eth0"])) {
        assert!(text.contains("mtu 1400"), "{text}");
    }
    let error = world.networks.remove("t1").unwrap_err();
    let id = &container.endpoint.id[..12];
    let expected = format!(
        "error while removing network: network t1 has active endpoints (name:\"name-of-c1\" id:\"{id}\")"
    );
    assert_eq!((error.class(), error.to_string()), (errdefs::Class::Forbidden, expected));
    world.networks.release("c1").unwrap();
    world.networks.remove("t1").unwrap();
    assert!(world.networks.get("t1").is_err());
    if let Some(text) = oracle("ip", &["link", "show", "type", "bridge"]) {
        assert_eq!(text.matches("hy-").count(), 0, "{text}");
    }
    if let Some(text) = oracle("nft", &["list", "ruleset"]) {
        assert!(!text.contains("hy-"), "{text}");
    }
    for name in ["bridge", "host", "none"] {
        let error = world.networks.remove(name).unwrap_err();
        assert_eq!(error.to_string(), format!("{name} is a pre-defined network and cannot be removed"));
    }
    world.restart();
    assert!(world.networks.get("t1").is_err());
}

#[test]
fn a_bridge_the_user_had_is_used_and_left() {
    let world = World::new();
    if oracle("ip", &["link", "add", "mine0", "type", "bridge"]).is_none() {
        return;
    }
    world.networks.create(&with_option("t1", "com.docker.network.bridge.name", "mine0")).unwrap();
    let container = world.try_start("c1", "t1", &[]).unwrap();
    serve(&container.netns, "0.0.0.0:80");
    assert_eq!(ask(&world.home, "172.18.0.2:80").as_deref(), Some("172.18.0.1"));
    world.networks.release("c1").unwrap();
    world.networks.remove("t1").unwrap();
    assert!(oracle("ip", &["link", "show", "mine0"]).is_some());
}

#[test]
fn asked_for_addresses_are_given_or_refused_in_dockers_words() {
    let world = World::new();
    let given = IpamConfig { ip_range: Some("10.9.4.0/30".parse().unwrap()), ..subnet("10.9.0.0/16") };
    world.networks.create(&with_subnet("given", given)).unwrap();
    world.networks.create(&spec("chosen")).unwrap();
    let with = |id: &str, network: &str, ip: &str| EndpointRequest {
        ipv4: Some(ip.parse().unwrap()),
        mac: Some([2, 0x42, 0xac, 1, 2, 3]),
        ..request(id, network, &[])
    };
    // The gateway too comes from the range.
    let first = world.try_start("c1", "given", &[]).unwrap().endpoint;
    assert_eq!(
        (first.ipv4.unwrap().to_string().as_str(), first.gateway4.unwrap().to_string().as_str()),
        ("10.9.4.1/16", "10.9.4.0")
    );
    let asked = world.networks.reserve(&with("c2", "given", "10.9.7.7")).unwrap().endpoint;
    assert_eq!(
        (asked.ipv4.unwrap().to_string().as_str(), asked.mac_text().as_str()),
        ("10.9.7.7/16", "02:42:ac:01:02:03")
    );
    let refused =
        |network: &str, ip: &str| world.networks.reserve(&with("c3", network, ip)).unwrap_err().to_string();
    assert_eq!(refused("given", "10.9.7.7"), "Address already in use");
    assert_eq!(refused("given", "10.9.4.0"), "Address already in use");
    assert_eq!(refused("given", "10.9.255.255"), "Address already in use");
    let invalid = "invalid endpoint settings:\n";
    assert_eq!(
        refused("given", "10.99.0.1"),
        format!(
            "invalid config for network given: {invalid}no configured subnet or ip-range contain the IP address 10.99.0.1"
        )
    );
    let only = "user specified IP address is supported only when connecting to networks with user configured subnets";
    assert_eq!(
        refused("chosen", "172.18.0.9"),
        format!("invalid config for network chosen: {invalid}{only}")
    );
    assert_eq!(
        refused("bridge", "172.17.0.9"),
        format!(
            "invalid config for network bridge: {invalid}user specified IP address is supported on user defined networks only"
        )
    );
    let again = world.networks.reserve(&request("c1", "given", &[])).unwrap_err();
    assert_eq!(again.to_string(), "endpoint with name name-of-c1 already exists in network given");
    let _ = (world.try_start("c4", "given", &[]).unwrap(), world.try_start("c5", "given", &[]).unwrap());
    let full = world.networks.reserve(&request("c6", "given", &[])).unwrap_err().to_string();
    assert!(
        full.starts_with("no available IPv4 addresses on this network's address pools: given ("),
        "{full}"
    );
}

#[test]
fn a_network_with_ipv6_has_it_inside_and_out() {
    let world = World::new();
    let neighbour = world.neighbour();
    let accept = "/proc/sys/net/ipv6/conf/lan0/accept_ra";
    std::fs::write(accept, "1").unwrap();
    let mut spec = spec("six");
    spec.enable_ipv6 = Some(true);
    spec.ipam.config = vec![subnet("fd00:66::/64")];
    let (made, _) = world.networks.create(&spec).unwrap();
    assert_eq!(
        made.subnets().map(|net| net.to_string()).collect::<Vec<_>>(),
        ["172.18.0.0/16", "fd00:66::/64"]
    );
    let container = world.try_start("c1", "six", &["8080:80"]).unwrap();
    assert_eq!(container.endpoint.ipv6.unwrap().to_string(), "fd00:66::2/64");
    // The host goes on listening to its routers.
    assert_eq!(std::fs::read_to_string(accept).unwrap(), "2\n");
    serve(&container.netns, "[::]:80");
    assert_eq!(ask(&world.home, "[fd00:66::2]:80").as_deref(), Some("fd00:66::1"));
    assert_eq!(ask(&neighbour.netns, "[2001:db8::2]:8080").as_deref(), Some("2001:db8::3"));
    assert_eq!(ask(&neighbour.netns, "192.0.2.2:8080").as_deref(), Some("::ffff:192.0.2.3"));
    super::world::assert_unreachable(&neighbour.netns, "[fd00:66::2]:80");
    let exact = world.try_start("c2", "six", &["[2001:db8::2]:8090:80", "[::1]:8091:80"]).unwrap();
    serve(&exact.netns, "[::]:80");
    assert_eq!(ask(&neighbour.netns, "[2001:db8::2]:8090").as_deref(), Some("2001:db8::3"));
    super::world::assert_unreachable(&neighbour.netns, "[2001:db8::2]:8091");
    let exact = exact.relaying();
    assert_eq!((exact.relays, ask(&world.home, "[::1]:8091").as_deref()), (2, Some("fd00:66::1")));
    serve(&neighbour.netns, "[2001:db8::3]:81");
    assert_eq!(ask(&container.netns, "[2001:db8::3]:81").as_deref(), Some("2001:db8::2"));
}

#[test]
fn a_chosen_ipv6_subnet_is_local_and_of_64_bits() {
    let world = World::new();
    let (made, _) = world.networks.create(&NetworkSpec { enable_ipv6: Some(true), ..spec("six") }).unwrap();
    let chosen = made.subnets().nth(1).unwrap();
    assert_eq!((chosen.prefix_len(), chosen.to_string().starts_with("fd")), (64, true), "{chosen}");
}

#[test]
fn a_container_in_two_networks_reaches_both_and_leaves_one() {
    let world = World::new();
    world.networks.create(&spec("t1")).unwrap();
    let container = world.start("c1", &[]);
    let friend = world.try_start("c2", "t1", &[]).unwrap();
    let second = EndpointRequest { default_routes: crate::Families::default(), ..request("c1", "t1", &[]) };
    let second = world.networks.reserve(&second).unwrap().endpoint;
    // As after a restart of the daemon: the namespace is known by its descriptor only.
    let netns =
        crate::Netns::from_fd(std::os::fd::AsFd::as_fd(&container.netns).try_clone_to_owned().unwrap())
            .unwrap();
    world.networks.connect(&second, &netns, "eth1").unwrap();
    serve(&friend.netns, "0.0.0.0:80");
    assert_eq!(ask(&container.netns, "172.18.0.2:80").as_deref(), Some("172.18.0.3"));
    let names = || -> Vec<String> {
        world.networks.statistics(&netns).unwrap().into_iter().map(|link| link.name).collect()
    };
    assert_eq!(names(), ["eth0", "eth1"]);
    assert_eq!(world.networks.disconnect("c1", "t1").unwrap(), second);
    assert_eq!(names(), ["eth0"]);
    let error = world.networks.disconnect("c1", "t1").unwrap_err();
    assert_eq!(error.to_string(), "container c1 is not connected to network t1");
    assert_eq!(world.networks.endpoints_of("c1").len(), 1);
}

#[test]
fn the_default_bridge_keeps_off_subnets_the_host_uses() {
    let _home = super::world::fresh_host();
    if oracle("ip", &["link", "add", "docker0", "type", "bridge"]).is_none() {
        return;
    }
    oracle("ip", &["address", "add", "172.17.0.1/16", "dev", "docker0"]);
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(store::Store::open(&dir.path().join("db")).unwrap());
    let open = |config: Config| crate::Networks::open(config, std::sync::Arc::clone(&store)).unwrap();
    let subnet =
        |networks: &crate::Networks| networks.get("bridge").unwrap().subnets().next().unwrap().to_string();
    let networks = open(Config::default());
    assert_eq!(subnet(&networks), "172.18.0.0/16");
    let id = networks.get("bridge").unwrap().id.clone();
    drop(networks);
    let networks = open(Config::default());
    assert_eq!((subnet(&networks), &networks.get("bridge").unwrap().id), ("172.18.0.0/16".to_owned(), &id));
    drop(networks);
    let networks = open(Config { bip: Some("10.20.30.1/24".parse().unwrap()), ..Config::default() });
    assert_eq!(subnet(&networks), "10.20.30.0/24");
    let text = oracle("ip", &["-4", "-o", "address", "show", "hythe0"]).unwrap();
    assert!(text.contains("10.20.30.1/24"), "{text}");
    assert!(!text.contains("172.18.0.1"), "{text}");
}

#[test]
fn host_and_none_have_members_without_addresses() {
    let world = World::new();
    for network in ["host", "none"] {
        let endpoint = world.networks.reserve(&request(network, network, &[])).unwrap().endpoint;
        assert_eq!(endpoint.addresses().count(), 0);
        world.networks.connect(&endpoint, &world.home, "eth0").unwrap();
        let id = world.networks.get(network).unwrap().id.clone();
        assert_eq!(world.networks.endpoints(&id), [endpoint]);
        assert_eq!(world.networks.release(network).unwrap().len(), 1);
    }
}

#[test]
fn options_of_an_endpoint_name_its_interface_and_set_its_switches() {
    let world = World::new();
    let options = [("ifname", "wan0"), ("sysctls", "net.ipv4.conf.IFNAME.log_martians=1")];
    let options =
        options.map(|(name, value)| (format!("com.docker.network.endpoint.{name}"), value.to_owned()));
    let asked = EndpointRequest { driver_opts: options.into(), ..request("c1", "bridge", &[]) };
    let endpoint = world.networks.reserve(&asked).unwrap().endpoint;
    let netns = world.networks.take_netns().unwrap();
    world.networks.connect(&endpoint, &netns, "eth0").unwrap();
    assert_eq!(world.networks.statistics(&netns).unwrap()[0].name, "wan0");
    let read = || std::fs::read_to_string("/proc/sys/net/ipv4/conf/wan0/log_martians").unwrap();
    assert_eq!(within(&netns, read), "1\n");
    let wrong = [("com.docker.network.endpoint.sysctls".to_owned(), "net.ipv4.ip_forward=0".to_owned())];
    let asked = EndpointRequest { driver_opts: wrong.into(), ..request("c2", "bridge", &[]) };
    assert_eq!(world.networks.reserve(&asked).unwrap_err().class(), errdefs::Class::InvalidParameter);
}

#[test]
fn a_bridge_of_the_users_can_be_the_default() {
    let home = super::world::fresh_host();
    if oracle("ip", &["link", "add", "br0", "type", "bridge"]).is_none() {
        return;
    }
    oracle("ip", &["address", "add", "10.7.0.1/24", "dev", "br0"]);
    oracle("ip", &["address", "add", "10.8.0.1/24", "dev", "br0"]);
    let addresses =
        || oracle("ip", &["-4", "-o", "address", "show", "br0"]).unwrap().matches(" inet ").count();
    let mut world = World::here(home, Config { bridge: "br0".to_owned(), ..Config::default() });
    for id in ["c1", "c2"] {
        let container = world.start(id, &[]);
        serve(&container.netns, "0.0.0.0:80");
        let ip = container.endpoint.ipv4.unwrap();
        assert!(ip.to_string().starts_with("10.7.0."), "{ip}");
        assert_eq!(ask(&world.home, &format!("{}:80", ip.addr())).as_deref(), Some("10.7.0.1"));
        assert_eq!(addresses(), 2);
        world.restart();
    }
    world.networks.remove_all().unwrap();
    assert_eq!(addresses(), 2);
}

#[test]
fn a_deleted_bridge_is_made_again_for_the_next_container() {
    let world = World::new();
    if oracle("ip", &["link", "delete", "hythe0"]).is_none() {
        return;
    }
    let container = world.start("c1", &["8080:80"]);
    serve(&container.netns, "0.0.0.0:80");
    assert_eq!(ask(&world.home, "127.0.0.1:8080").as_deref(), Some("172.17.0.1"));
}
