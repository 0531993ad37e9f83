//! A host, its containers and its neighbours, out of network namespaces.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use store::Store;

use crate::netlink::{Encoder, Socket, route};
use crate::netns::{self, Netns, Pool};
use crate::{Config, Endpoint, EndpointRequest, Networks, PortRequest, PortSocket, Protocol};

/// How long a connection that must not come about is given. Only ever waited for in full when all is well.
const PATIENCE: Duration = Duration::from_millis(700);
/// How long a connection that must come about is given: a hang is a failure, not a hanging test.
const DEADLINE: Duration = Duration::from_secs(20);

/// This host: the calling thread is inside.
pub(super) struct World {
    pub(super) networks: Networks,
    pub(super) store: Arc<Store>,
    pub(super) config: Config,
    pub(super) home: Netns,
    _dir: tempfile::TempDir,
}

/// A container as far as networks go.
pub(super) struct Container {
    pub(super) endpoint: Endpoint,
    pub(super) netns: Netns,
    pub(super) sockets: Vec<PortSocket>,
    /// How many of its ports are relayed.
    pub(super) relays: usize,
}

/// Another machine beside this host on an Ethernet segment.
pub(super) struct Neighbour {
    pub(super) netns: Netns,
}

/// Addresses on the segment.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(super) const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);

/// Puts the calling thread into a fresh network namespace, loopback up: a host.
pub(super) fn fresh_host() -> Netns {
    let pool = Pool::start(0).unwrap();
    let netns = pool.take().unwrap();
    netns::enter(netns.as_fd()).unwrap();
    netns
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(super) fn with(config: Config) -> Self {
        Self::here(fresh_host(), config)
    }

    /// The engine begins on this host.
    pub(super) fn here(home: Netns, config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&dir.path().join("db")).unwrap());
        let networks = Networks::open(config.clone(), Arc::clone(&store)).unwrap();
        Self { networks, store, config, home, _dir: dir }
    }

    /// The daemon has died and begins anew.
    pub(super) fn restart(&mut self) {
        self.networks = Networks::open(self.config.clone(), Arc::clone(&self.store)).unwrap();
    }

    /// A container on the default bridge with these `-p` options (`HOST_IP:HOST_PORT:PORT/PROTOCOL`, the address in
    /// brackets if it is IPv6).
    pub(super) fn start(&self, id: &str, ports: &[&str]) -> Container {
        self.try_start(id, "bridge", ports).unwrap()
    }

    pub(super) fn try_start(&self, id: &str, network: &str, ports: &[&str]) -> errdefs::Result<Container> {
        let reservation = self.networks.reserve(&request(id, network, ports))?;
        let netns = self.networks.take_netns()?;
        self.networks.connect(&reservation.endpoint, &netns, "eth0")?;
        Ok(Container { endpoint: reservation.endpoint, netns, sockets: reservation.sockets, relays: 0 })
    }

    /// A machine on a segment with this host, which has [`HOST`] there on `lan0`.
    pub(super) fn neighbour(&self) -> Neighbour {
        let neighbour = Pool::start(0).unwrap().take().unwrap();
        let mut host = Socket::route().unwrap();
        let mut batch = Encoder::new();
        let veth = route::Veth {
            host_name: "lan0",
            bridge: 0,
            netns: neighbour.as_fd(),
            peer_name: "lan0",
            peer_index: 2,
            peer_mac: [2, 0, 0, 0, 0, 3],
            mtu: 1500,
        };
        route::new_veth(&mut batch, &veth);
        route::port_up(&mut batch, "lan0", false);
        host.run(batch, || "make a segment".to_owned()).unwrap();
        let lan = route::link(&mut host, "lan0").unwrap().unwrap();
        give(&mut host, lan.index, "192.0.2.2/24");
        give(&mut host, lan.index, "2001:db8::2/64");
        give(&mut neighbour.inside().route, 2, "192.0.2.3/24");
        give(&mut neighbour.inside().route, 2, "2001:db8::3/64");
        Neighbour { netns: neighbour }
    }
}

impl Container {
    /// Relays what arrives at the sockets that hold its TCP ports, as its shim would. Runs until the process ends.
    pub(super) fn relaying(mut self) -> Self {
        for socket in std::mem::take(&mut self.sockets) {
            if socket.protocol != Protocol::Tcp {
                continue;
            }
            self.relays += 1;
            let listener = TcpListener::from(socket.fd);
            listener.set_nonblocking(false).unwrap();
            std::thread::spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    let Ok(mut service) = TcpStream::connect(socket.target) else { continue };
                    let _ = std::io::copy(&mut service, &mut stream);
                }
            });
        }
        self
    }
}

impl Neighbour {
    /// Sends everything it has no better way for to this host: how an attacker reaches addresses behind it.
    pub(super) fn route_through_host(&self) {
        let mut batch = Encoder::new();
        route::set_default_route(&mut batch, IpAddr::V4(HOST));
        self.netns.inside().route.run(batch, || "default route".to_owned()).unwrap();
    }
}

fn give(socket: &mut Socket, index: u32, address: &str) {
    let mut batch = Encoder::new();
    route::link_up(&mut batch, index);
    route::new_address(&mut batch, index, address.parse::<IpNet>().unwrap());
    socket.run(batch, || "give an address".to_owned()).unwrap();
}

pub(super) fn request(id: &str, network: &str, ports: &[&str]) -> EndpointRequest {
    EndpointRequest {
        container_id: id.to_owned(),
        container_name: format!("name-of-{id}"),
        network: network.to_owned(),
        default_routes: crate::Families::BOTH,
        ports: ports.iter().map(|text| port(text)).collect(),
        ..EndpointRequest::default()
    }
}

fn port(text: &str) -> PortRequest {
    let (host, container) = text.rsplit_once(':').unwrap();
    let (ip, host_port) = host.rsplit_once(':').unwrap_or(("", host));
    PortRequest::parse(container, ip.trim_matches(['[', ']']), host_port).unwrap()
}

/// Runs `work` on a thread inside a namespace.
pub(super) fn within<T: Send>(netns: &Netns, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            netns::enter(netns.as_fd()).unwrap();
            work()
        });
        inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A TCP service in a namespace that tells each caller the address it came from. Runs until the process ends.
pub(super) fn serve(netns: &Netns, address: &str) {
    let listener = within(netns, || TcpListener::bind(address).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let from = stream.peer_addr().map(|from| from.ip().to_string()).unwrap_or_default();
            let _ = stream.write_all(from.as_bytes());
        }
    });
}

/// Asks a service where it sees the caller: `None` if there is no way to it.
pub(super) fn ask(from: &Netns, service: &str) -> Option<String> {
    ask_for(from, service, DEADLINE)
}

/// Whether there is a way to a service, for tests that ask both ways.
pub(super) fn is_reachable(from: &Netns, service: &str) -> bool {
    ask_for(from, service, PATIENCE).is_some()
}

/// Asserts that there is no way to a service.
pub(super) fn assert_unreachable(from: &Netns, service: &str) {
    assert_eq!(ask_for(from, service, PATIENCE), None, "{service} must not be reachable");
}

fn ask_for(from: &Netns, service: &str, timeout: Duration) -> Option<String> {
    let service: SocketAddr = service.parse().unwrap();
    within(from, || {
        let mut stream = TcpStream::connect_timeout(&service, timeout).ok()?;
        stream.set_read_timeout(Some(timeout)).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        (!text.is_empty()).then_some(text)
    })
}

/// Sends a datagram to an echo in a namespace and waits for it to come back from where it was sent to.
pub(super) fn echo(container: &Netns, listen: &str, from: &Netns, to: &str) -> bool {
    let server = within(container, || UdpSocket::bind(listen).unwrap());
    let to: SocketAddr = to.parse().unwrap();
    let client = within(from, || {
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let client = UdpSocket::bind(any).unwrap();
        client.connect(to).unwrap();
        client
    });
    exchange(&client, &server)
}

/// Sends a datagram from a connected socket and has port 53 of a container answer.
pub(super) fn echo_from(client: &UdpSocket, container: &Netns) -> bool {
    let server = within(container, || UdpSocket::bind("0.0.0.0:53").unwrap());
    exchange(client, &server)
}

fn exchange(client: &UdpSocket, server: &UdpSocket) -> bool {
    client.send(b"ping").unwrap();
    server.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut buffer = [0; 16];
    let Ok((length, caller)) = server.recv_from(&mut buffer) else { return false };
    server.send_to(&buffer[..length], caller).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    matches!(client.recv(&mut buffer), Ok(4))
}

/// Output of a program used as an oracle, in this host; `None`, said aloud, if it is not installed.
pub(super) fn oracle(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            assert!(
                output.status.success(),
                "{program} {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            println!("skipped: {program} as an oracle: {error}");
            None
        }
    }
}
