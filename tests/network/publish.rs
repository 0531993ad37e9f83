//! Published ports: from the host's localhost, its addresses, other hosts and other containers.

use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use testkit::{Daemon, Options, Output, Outside, Sandbox, wait};

const SERVE: [&str; 7] = ["busybox", "nc", "-ll", "-p", "80", "-e", "hostname"];

/// What a server that speaks first says to one who connects.
fn fetch(sandbox: &Sandbox, address: &str) -> std::io::Result<String> {
    sandbox.on_network(|| {
        let mut stream =
            TcpStream::connect_timeout(&address.parse().expect("an address"), Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    })
}

fn serve(daemon: &Daemon, name: &str, publish: &[&str]) {
    let args =
        ["run", "-d", "--name", name, "-h", name].into_iter().chain(publish.iter().copied()).chain(SERVE);
    daemon.hythe(args).ok();
    let address = daemon.hythe(["inspect", "-f", "{{.NetworkSettings.IPAddress}}", name]).ok();
    wait::until_true("the server listens", || fetch(daemon.sandbox(), &format!("{address}:80")).is_ok());
}

#[test]
fn reaches_the_container_from_everywhere() {
    let sandbox = Sandbox::new();
    let outside = sandbox.outside();
    let daemon = Daemon::within(sandbox, Options { images: vec!["busybox"], ..Options::default() });
    serve(&daemon, "web", &["-p", "8080:80"]);
    let own = format!("{}:8080", Outside::SANDBOX);
    for address in ["127.0.0.1:8080", "127.0.0.2:8080", "[::1]:8080", "172.17.0.1:8080", own.as_str()] {
        assert_eq!(
            fetch(daemon.sandbox(), address).unwrap_or_else(|error| panic!("{address}: {error}")),
            "web\n"
        );
    }
    assert_eq!(fetch(outside.sandbox(), &own).expect("from another host"), "web\n");
    // Another container, by the host's address and by the container's own; and the container by its published port.
    for target in [Outside::SANDBOX, "172.17.0.1"] {
        let args = ["run", "--rm", "busybox", "nc", "-w", "5", target, "8080"];
        assert_eq!(daemon.hythe(args).ok(), "web");
        assert_eq!(daemon.hythe(["exec", "web", "nc", "-w", "5", target, "8080"]).ok(), "web");
    }
}

#[test]
fn on_one_address_is_reachable_only_there() {
    let sandbox = Sandbox::new();
    let outside = sandbox.outside();
    let daemon = Daemon::within(sandbox, Options { images: vec!["busybox"], ..Options::default() });
    serve(&daemon, "local", &["-p", "127.0.0.1:8080:80"]);
    assert_eq!(fetch(daemon.sandbox(), "127.0.0.1:8080").expect("from localhost"), "local\n");
    assert!(fetch(daemon.sandbox(), &format!("{}:8080", Outside::SANDBOX)).is_err());
    assert!(fetch(outside.sandbox(), &format!("{}:8080", Outside::SANDBOX)).is_err());
    // A neighbour who routes loopback or container addresses to us gets nothing either.
    let script = format!(
        "sysctl -qw net.ipv4.conf.all.route_localnet=1; ip route add 172.17.0.0/16 via {0}; ip route add 127.1.2.3/32 via {0} table local 2>/dev/null; ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1/32 via {0} src {1}",
        Outside::SANDBOX,
        Outside::HOST
    );
    Output::of(&mut outside.sandbox().command("sh", ["-c", &script]));
    assert!(fetch(outside.sandbox(), "127.0.0.1:8080").is_err(), "loopback is not for neighbours");
    assert!(
        fetch(outside.sandbox(), "172.17.0.2:80").is_err(),
        "unpublished addresses are not for neighbours"
    );
}

#[test]
fn udp_ranges_and_random_ports() {
    let daemon = Daemon::with(Options { images: vec!["python"], ..Options::default() });
    let args = [
        "run",
        "-d",
        "--name",
        "uu",
        "-p",
        "5353:53/udp",
        "-p",
        "7000-7002:7000-7002",
        "-p",
        "80",
        "python",
        "python3",
        "-c",
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 53))\nwhile True: s.sendto(*s.recvfrom(100))",
    ];
    daemon.hythe(args).ok();
    assert_eq!(daemon.hythe(["port", "uu", "53/udp"]).ok(), "0.0.0.0:5353\n[::]:5353");
    assert_eq!(daemon.hythe(["port", "uu", "7001"]).ok(), "0.0.0.0:7001\n[::]:7001");
    let random = daemon.hythe(["port", "uu", "80"]).ok();
    let port: u16 = random
        .lines()
        .next()
        .and_then(|line| line.rsplit(':').next())
        .and_then(|port| port.parse().ok())
        .expect("a port");
    assert!(port >= 1024, "{random}");
    daemon.sandbox().on_network(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("timeout");
        wait::until_true("an answer over UDP", || {
            let mut answer = [0; 16];
            socket.send_to(b"ping", "127.0.0.1:5353").expect("send");
            socket.recv(&mut answer).is_ok_and(|n| &answer[..n] == b"ping")
        });
    });
}

#[test]
fn a_taken_port_is_an_error_in_dockers_words_and_leaves_nothing() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "first", "-p", "8080:80", "busybox", "sleep", "1000"]).ok();
    let failed = daemon.hythe(["run", "-d", "--name", "second", "-p", "8080:80", "busybox", "sleep", "1000"]);
    // The container is there, only not running: its ID is told all the same.
    let id = daemon.hythe(["inspect", "-f", "{{.Id}}", "second"]).ok();
    assert_eq!(failed.stdout.trim_end(), id);
    let error = failed.fails_with(125);
    assert!(error.contains("driver failed programming external connectivity on endpoint second"), "{error}");
    assert!(error.contains("Bind for 0.0.0.0:8080 failed: port is already allocated"), "{error}");
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "second"]).ok(),
        "created 128"
    );
    // A program of the host's own.
    let listener = daemon.sandbox().on_network(|| TcpListener::bind("0.0.0.0:9090").expect("bind"));
    let error = daemon
        .hythe(["run", "-d", "--name", "third", "-p", "9090:80", "busybox", "sleep", "1000"])
        .fails_with(125);
    assert!(error.contains("address already in use"), "{error}");
    drop(listener);
    daemon.hythe(["start", "third"]).ok();
    daemon.hythe(["rm", "-f", "first"]).ok();
    daemon.hythe(["start", "second"]).ok();
}

#[test]
fn the_host_sees_that_the_port_is_taken() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "web", "-p", "8080:80", "busybox", "sleep", "1000"]).ok();
    assert!(daemon.sandbox().on_network(|| TcpListener::bind("0.0.0.0:8080")).is_err());
    daemon.hythe(["rm", "-f", "web"]).ok();
    daemon.sandbox().on_network(|| TcpListener::bind("0.0.0.0:8080")).expect("free again");
}

#[test]
fn neighbours_remember_rightly_who_has_an_address() {
    let daemon = Daemon::with(Options { images: vec!["busybox"], ..Options::default() });
    let own = |name: &str| daemon.hythe(["exec", name, "cat", "/sys/class/net/eth0/address"]).ok();
    let remembered = || {
        let neighbours =
            Output::of(&mut daemon.sandbox().command("ip", ["neigh", "show", "172.17.0.2"])).ok();
        let mut words = neighbours.split_whitespace().skip_while(|word| *word != "lladdr");
        words.nth(1).expect("the host has asked for the address").to_owned()
    };
    serve(&daemon, "web", &["-p", "8080:80"]);
    let before = own("web");
    assert_eq!(remembered(), before);
    // Started again, and its address given to another: what was remembered is still right, and nobody waits for it to age.
    daemon.hythe(["restart", "-t", "0", "web"]).ok();
    assert_eq!(own("web"), before);
    daemon.hythe(["rm", "-f", "web"]).ok();
    daemon.hythe(["run", "-d", "--name", "heir", "busybox", "sleep", "1000"]).ok();
    assert_eq!((own("heir"), remembered()), (before.clone(), before));
    // Who asks for an address gets that one.
    let args = [
        "run",
        "--rm",
        "--mac-address",
        "02:00:00:00:00:07",
        "busybox",
        "cat",
        "/sys/class/net/eth0/address",
    ];
    assert_eq!(daemon.hythe(args).ok(), "02:00:00:00:00:07");
}
