//! Published ports: who reaches them, and who is refused.

use std::net::TcpListener;

use super::world::{World, ask, echo, echo_from, request, serve, within};

fn refusal(world: &World, id: &str, port: &str) -> String {
    let error = world.networks.reserve(&request(id, "bridge", &[port])).unwrap_err().to_string();
    let (prefix, text) = error.split_once(": ").unwrap();
    assert!(
        prefix.starts_with(&format!(
            "driver failed programming external connectivity on endpoint name-of-{id} ("
        ))
    );
    text.to_owned()
}

#[test]
fn a_port_is_reached_from_everywhere() {
    let world = World::new();
    let container = world.start("c1", &["8080:80"]).relaying();
    let other = world.start("c2", &[]);
    let neighbour = world.neighbour();
    serve(&container.netns, "0.0.0.0:80");
    // Each caller, and the address the service sees. Containers are relayed.
    assert_eq!(ask(&world.home, "127.0.0.1:8080").as_deref(), Some("172.17.0.1"));
    assert_eq!(ask(&world.home, "127.1.2.3:8080").as_deref(), Some("172.17.0.1"));
    assert_eq!(ask(&world.home, "192.0.2.2:8080").as_deref(), Some("192.0.2.2"));
    assert_eq!(ask(&world.home, "172.17.0.1:8080").as_deref(), Some("172.17.0.1"));
    assert_eq!(ask(&neighbour.netns, "192.0.2.2:8080").as_deref(), Some("192.0.2.3"));
    assert_eq!(ask(&other.netns, "192.0.2.2:8080").as_deref(), Some("172.17.0.1"));
    assert_eq!(ask(&other.netns, "172.17.0.1:8080").as_deref(), Some("172.17.0.1"));
    assert_eq!(ask(&container.netns, "192.0.2.2:8080").as_deref(), Some("172.17.0.1"));
    assert_eq!(ask(&container.netns, "127.0.0.1:8080"), None);
}

#[test]
fn datagrams_go_both_ways() {
    let world = World::new();
    let container = world.start("c1", &["5353:53/udp"]);
    let neighbour = world.neighbour();
    assert!(echo(&container.netns, "0.0.0.0:53", &world.home, "127.0.0.1:5353"));
    assert!(echo(&container.netns, "0.0.0.0:53", &world.home, "192.0.2.2:5353"));
    assert!(echo(&container.netns, "0.0.0.0:53", &neighbour.netns, "192.0.2.2:5353"));
}

#[test]
fn ports_of_ours_are_refused_in_dockers_words() {
    let world = World::new();
    let _one = world.start("c1", &["8080:80", "127.0.0.1:8081:80"]);
    let taken = |ip: &str, port: u16| format!("Bind for {ip}:{port} failed: port is already allocated");
    assert_eq!(refusal(&world, "c2", "8080:80"), taken("0.0.0.0", 8080));
    assert_eq!(refusal(&world, "c2", "127.0.0.1:8080:80"), taken("0.0.0.0", 8080));
    assert_eq!(refusal(&world, "c2", "[::1]:8080:80"), taken("::", 8080));
    assert_eq!(refusal(&world, "c2", "8081:80"), taken("127.0.0.1", 8081));
    // Refused starts hold nothing.
    assert_eq!(world.networks.endpoints_of("c2"), []);
    let two = world.start("c2", &["8080:80/udp", "127.0.0.2:8081:80"]);
    assert_eq!(two.endpoint.ipv4.unwrap().to_string(), "172.17.0.3/16");
}

#[test]
fn ports_of_other_programs_are_refused_in_dockers_words() {
    let world = World::new();
    let _foreign = TcpListener::bind("0.0.0.0:8090").unwrap();
    let text =
        |ip: &str, why: &str| format!("failed to bind host port for {ip}:8090:172.17.0.2:80/tcp: {why}");
    assert_eq!(refusal(&world, "c1", "8090:80"), text("0.0.0.0", "address already in use"));
    assert_eq!(refusal(&world, "c1", "127.0.0.1:8090:80"), text("127.0.0.1", "address already in use"));
    assert_eq!(refusal(&world, "c1", "9.9.9.9:8090:80"), text("9.9.9.9", "cannot assign requested address"));
    // A range goes on to the next.
    let container = world.start("c1", &["8090-8091:80"]);
    assert_eq!(container.endpoint.ports[0].host.port(), 8091);
}

#[test]
fn a_published_port_is_closed_to_other_programs_until_its_sockets_are() {
    let world = World::new();
    let mut container = world.start("c1", &["8080:80"]);
    assert!(TcpListener::bind("127.0.0.1:8080").is_err());
    assert!(TcpListener::bind("[::]:8080").is_err());
    world.networks.release("c1").unwrap();
    container.sockets.clear();
    assert!(TcpListener::bind("127.0.0.1:8080").is_ok());
}

#[test]
fn ranges_and_free_choices_give_what_docker_gives() {
    let world = World::new();
    let mut shims = Vec::new();
    let mut ports = |id: &str, wanted: &[&str]| -> Vec<String> {
        let container = world.start(id, wanted);
        let ports = container.endpoint.ports.iter().map(|port| port.host.to_string()).collect();
        if id != "c4" {
            shims.push(container.sockets);
        }
        ports
    };
    assert_eq!(ports("c1", &["8100-8101:80"]), ["0.0.0.0:8100", "[::]:8100"]);
    assert_eq!(ports("c2", &["8100-8101:80"]), ["0.0.0.0:8101", "[::]:8101"]);
    assert_eq!(refusal(&world, "c3", "8100-8101:80"), "all ports are allocated");
    assert_eq!(
        ports("c4", &[":80", ":81", "127.0.0.1::82", ":83/udp"]),
        [
            "0.0.0.0:32768",
            "[::]:32768",
            "0.0.0.0:32769",
            "[::]:32769",
            "127.0.0.1:32770",
            "0.0.0.0:32768",
            "[::]:32768"
        ]
    );
    world.networks.release("c4").unwrap();
    // A choice goes on after the last one, even if that is free again.
    assert_eq!(ports("c5", &[":80"]), ["0.0.0.0:32770", "[::]:32770"]);
    // What is named is taken before what may be any.
    assert_eq!(
        ports("c6", &[":80", "32771:81"]),
        ["0.0.0.0:32772", "[::]:32772", "0.0.0.0:32771", "[::]:32771"]
    );
}

#[test]
fn a_thousand_ports_are_one_transaction() {
    let world = World::new();
    let wanted: Vec<String> = (10_000..11_000).map(|port| format!("{port}:{port}")).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let before = world.networks.messages_sent();
    let container = world.start("c1", &wanted);
    let sent = world.networks.messages_sent() - before;
    assert!(sent <= 9, "{sent}");
    assert_eq!(container.endpoint.ports.len(), 2000);
    serve(&container.netns, "0.0.0.0:10999");
    assert_eq!(ask(&world.home, "127.0.0.1:10999").as_deref(), Some("172.17.0.1"));
    world.networks.release("c1").unwrap();
}

#[test]
fn sockets_for_what_cannot_be_rewritten_listen_and_name_their_target() {
    let world = World::new();
    let container = world.start("c1", &["8080:80", "5353:53/udp"]);
    let mut seen: Vec<_> =
        container.sockets.iter().map(|s| (s.protocol, s.host.to_string(), s.target.to_string())).collect();
    seen.sort();
    use crate::Protocol::{Tcp, Udp};
    let expected = [
        (Tcp, "0.0.0.0:8080", "172.17.0.2:80"),
        (Tcp, "[::]:8080", "172.17.0.2:80"),
        (Udp, "0.0.0.0:5353", "172.17.0.2:53"),
        (Udp, "[::]:5353", "172.17.0.2:53"),
    ];
    assert_eq!(seen, expected.map(|(p, h, t)| (p, h.to_owned(), t.to_owned())));
    // A caller on ::1 reaches the listening socket, whose holder is to relay it.
    let relayed = container.sockets.iter().find(|s| s.protocol == Tcp && s.host.is_ipv6()).unwrap();
    let listener = TcpListener::from(relayed.fd.try_clone().unwrap());
    listener.set_nonblocking(false).unwrap();
    within(&world.home, || std::net::TcpStream::connect("[::1]:8080").unwrap());
    assert!(listener.accept().unwrap().1.ip().is_loopback());
}

// Datagrams of one peer are one connection to the kernel, which remembers where it went.
#[test]
fn datagrams_follow_a_port_to_its_next_container() {
    let world = World::new();
    let first = world.start("c1", &["5353:53/udp"]);
    let _other = world.start("c2", &[]);
    let neighbour = world.neighbour();
    let client = within(&neighbour.netns, || std::net::UdpSocket::bind("0.0.0.0:4000").unwrap());
    client.connect("192.0.2.2:5353").unwrap();
    assert!(echo_from(&client, &first.netns));
    world.networks.release("c1").unwrap();
    drop(first);
    let in_its_place = world.start("c3", &[]);
    assert_eq!(in_its_place.endpoint.ipv4.unwrap().to_string(), "172.17.0.2/16");
    let next = world.start("c4", &["5353:53/udp"]);
    assert_eq!(next.endpoint.ipv4.unwrap().to_string(), "172.17.0.4/16");
    assert!(echo_from(&client, &next.netns));
}

#[test]
fn an_address_the_host_lacks_is_refused() {
    let world = World::new();
    let text = refusal(&world, "c1", "[2001:db8::77]:8080:80");
    assert!(text.ends_with("/tcp: cannot assign requested address"), "{text}");
}
