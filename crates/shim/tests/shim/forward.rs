//! Ports relayed by the shim. What the container would serve is served by the test, on loopback.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};

use crate::harness::{Harness, PATIENCE, container};
use shim::{Forward, Handle, PortProtocol};

fn relayed(harness: &Harness, forwards: Vec<Forward>) -> Handle {
    let mut container = container("busybox sleep 1000 & wait");
    container.forwards = forwards;
    harness.start(container)
}

fn tcp(target: SocketAddr) -> (Forward, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (Forward { listener: listener.into(), protocol: PortProtocol::Tcp, target }, address)
}

fn end(harness: &Harness, handle: &Handle) {
    handle.signal(9).unwrap();
    harness.exit();
    harness.check_gone(handle.shim_pid());
}

#[test]
fn connections_carry_everything_both_ways_and_half_close() {
    let harness = Harness::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (forward, port) = tcp(server.local_addr().unwrap());
    let handle = relayed(&harness, vec![forward]);
    let serving = std::thread::spawn(move || {
        for connection in server.incoming().take(3) {
            let mut connection = connection.unwrap();
            let mut all = Vec::new();
            // Only ends when the client's half close has come through.
            connection.read_to_end(&mut all).unwrap();
            connection.write_all(&all).unwrap();
        }
    });
    for size in [1, 100_000, 10_000_000] {
        let data: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
        let mut client = TcpStream::connect(port).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(&data).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        assert!(back == data, "{size} bytes came back as {}", back.len());
    }
    serving.join().unwrap();
    end(&harness, &handle);
}

#[test]
fn many_connections_at_once_leave_nothing() {
    let harness = Harness::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (forward, port) = tcp(server.local_addr().unwrap());
    let handle = relayed(&harness, vec![forward]);
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", handle.shim_pid())).unwrap().count();
    let before = descriptors();
    let mut pairs: Vec<(TcpStream, TcpStream)> = (0..100)
        .map(|_| {
            let client = TcpStream::connect(port).unwrap();
            (client, server.accept().unwrap().0)
        })
        .collect();
    for (n, (client, server)) in pairs.iter_mut().enumerate() {
        client.write_all(&[n as u8]).unwrap();
        let mut byte = [0];
        server.read_exact(&mut byte).unwrap();
        server.write_all(&byte).unwrap();
        client.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [n as u8]);
    }
    drop(pairs);
    crate::harness::wait_until("descriptors to be closed", || descriptors() <= before);
    end(&harness, &handle);
}

#[test]
fn a_target_that_refuses_closes_the_connection() {
    let harness = Harness::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (forward, port) = tcp(nobody);
    let handle = relayed(&harness, vec![forward]);
    let mut client = TcpStream::connect(port).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = Vec::new();
    let end_of_it = client.read_to_end(&mut all);
    assert!(
        matches!(&end_of_it, Ok(0)) || end_of_it.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset
    );
    end(&harness, &handle);
    assert!(TcpStream::connect(port).is_err(), "the port outlives its container");
}

#[test]
fn datagrams_find_their_way_back_to_each_peer() {
    let harness = Harness::new();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    let forward =
        Forward { listener: port.into(), protocol: PortProtocol::Udp, target: server.local_addr().unwrap() };
    let handle = relayed(&harness, vec![forward]);
    let peers: Vec<UdpSocket> = (0..5)
        .map(|_| {
            let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
            peer.set_read_timeout(Some(PATIENCE)).unwrap();
            peer.connect(address).unwrap();
            peer
        })
        .collect();
    for round in 0..3 {
        for (n, peer) in peers.iter().enumerate() {
            peer.send(&[n as u8, round]).unwrap();
            let mut space = [0; 16];
            let (len, from) = server.recv_from(&mut space).unwrap();
            server.send_to(&space[..len], from).unwrap();
            assert_eq!(peer.recv(&mut space).unwrap(), 2);
            assert_eq!(space[..2], [n as u8, round]);
        }
    }
    end(&harness, &handle);
}

#[test]
fn ports_are_free_when_the_end_is_told_even_if_a_client_is_still_reading() {
    let harness = Harness::new();
    let (slow, theirs) = crate::harness::connection();
    let forwarded = TcpListener::bind("127.0.0.1:0").unwrap();
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, other) = (forwarded.local_addr().unwrap(), held.local_addr().unwrap());
    let mut flood = container("busybox dd if=/dev/zero bs=1M count=10 2>/dev/null");
    flood.logged = false;
    flood.attaches.push((theirs, crate::harness::outputs()));
    flood.forwards = vec![Forward { listener: forwarded.into(), protocol: PortProtocol::Tcp, target: other }];
    flood.held = vec![held.into()];
    let handle = harness.start(flood);
    assert_eq!(harness.exit().code, 0);
    drop((TcpListener::bind(port).unwrap(), TcpListener::bind(other).unwrap()));
    assert!(crate::harness::alive(handle.shim_pid()), "the client has not been waited for");
    assert_eq!(crate::harness::read_all(&slow).len(), 10 << 20);
    drop(slow);
    harness.check_gone(handle.shim_pid());
}

#[test]
fn hundreds_of_ports_are_nothing_special() {
    let harness = Harness::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (forwards, ports): (Vec<_>, Vec<_>) = (0..300).map(|_| tcp(server.local_addr().unwrap())).unzip();
    let handle = relayed(&harness, forwards);
    for port in ports {
        let mut client = TcpStream::connect(port).unwrap();
        server.accept().unwrap().0.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    end(&harness, &handle);
}
