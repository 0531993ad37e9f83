//! Which network the default routes and the published ports lead to, while networks come and go. The order is Docker's:
//! what is expected here was read off Docker 28.5.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use testkit::{Daemon, Options, Output, Sandbox, wait};

/// A daemon on a host that forwards IPv6 already: the rules that guard a host which did not would stay after the test.
fn start() -> Daemon {
    let sandbox = Sandbox::new();
    Output::of(&mut sandbox.command("sysctl", ["-q", "net.ipv6.conf.all.forwarding=1"])).ok();
    Daemon::within(sandbox, Options { images: vec!["busybox"], ..Options::default() })
}

/// The gateways of the default routes inside, IPv4's and IPv6's.
fn gateways(daemon: &Daemon) -> String {
    let script = "ip route | sed -n 's/default via \\([^ ]*\\) .*/\\1/p'; ip -6 route | sed -n 's/default via \\([^ ]*\\) .*/\\1/p'";
    daemon.hythe(["exec", "cc", "sh", "-c", script]).ok().replace('\n', " ")
}

fn create(daemon: &Daemon, flags: &[&str], name: &str) {
    daemon.hythe(["network", "create"].iter().chain(flags).chain(&[name])).ok();
}

fn networks(daemon: &Daemon) {
    for (name, subnet) in [("na", "10.31.0.0/24"), ("nc", "10.33.0.0/24"), ("nz", "10.35.0.0/24")] {
        create(daemon, &["--subnet", subnet], name);
    }
    create(daemon, &["--internal", "--subnet", "10.30.0.0/24"], "inner");
    create(daemon, &["--ipv6", "--subnet", "10.36.0.0/24", "--subnet", "fd36::/64"], "nboth");
    create(daemon, &["--ipv4=false", "--ipv6", "--subnet", "fd37::/64"], "nsix");
}

#[test]
fn the_default_route_follows_the_networks_as_dockers_does() {
    let daemon = start();
    networks(&daemon);
    let connect = |flags: &[&str], name: &str| {
        daemon.hythe(["network", "connect"].iter().chain(flags).chain(&[name, "cc"])).ok();
        gateways(&daemon)
    };
    let disconnect = |name: &str| {
        daemon.hythe(["network", "disconnect", name, "cc"]).ok();
        gateways(&daemon)
    };
    daemon.hythe(["run", "-d", "--name", "cc", "--network", "nc", "busybox", "sleep", "1000"]).ok();
    assert_eq!(gateways(&daemon), "10.33.0.1");
    assert_eq!(connect(&[], "inner"), "10.33.0.1", "an internal network leads nowhere");
    assert_eq!(connect(&[], "na"), "10.31.0.1", "the name decides");
    assert_eq!(connect(&["--gw-priority", "5"], "nz"), "10.35.0.1", "the priority goes before");
    assert_eq!(connect(&[], "nboth"), "10.36.0.1 fd36::1", "a network with both goes before all");
    assert_eq!(disconnect("nz"), "10.36.0.1 fd36::1");
    assert_eq!(disconnect("nboth"), "10.31.0.1");
    assert_eq!(connect(&[], "nsix"), "10.31.0.1 fd37::1", "one for each family");
    assert_eq!(connect(&["--gw-priority", "-1"], "bridge"), "10.31.0.1 fd37::1");
    daemon.hythe(["restart", "-t", "0", "cc"]).ok();
    assert_eq!(gateways(&daemon), "10.31.0.1 fd37::1", "a start chooses the same");
    assert_eq!(disconnect("nsix"), "10.31.0.1");
    assert_eq!(disconnect("na"), "10.33.0.1");
    assert_eq!(disconnect("nc"), "172.17.0.1", "below the others, but there");
    assert_eq!(disconnect("bridge"), "");
    assert_eq!(connect(&[], "nz"), "10.35.0.1");
    daemon.hythe(["rm", "-f", "cc"]).ok();
    daemon.hythe(["network", "rm", "na", "nc", "nz", "inner", "nboth", "nsix"]).ok();
}

#[test]
fn published_ports_follow_the_default_route() {
    let mut daemon = start();
    networks(&daemon);
    let server = "while true; do ip -4 -o addr | sed -n 's/.* inet \\(10[^ ]*\\) .*/\\1/p' | head -1 | nc -l -p 80; done";
    let flags =
        ["run", "-d", "--name", "cc", "-p", "18080:80", "--network", "nc", "busybox", "sh", "-c", server];
    daemon.hythe(flags).ok();
    // Through the firewall from another container, and through the shim from the host's loopback.
    let answers = |daemon: &Daemon| {
        let host =
            daemon.hythe(["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"]).ok();
        wait::until_true("the port answers on both ways", || {
            let flags = ["run", "--rm", "busybox", "nc", "-w", "2", &host, "18080"];
            let routed = daemon.hythe(flags).stdout;
            let local = daemon.sandbox().on_network(|| {
                let mut text = String::new();
                let mut stream = TcpStream::connect("127.0.0.1:18080").ok()?;
                stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
                stream.read_to_string(&mut text).ok()?;
                Some(text)
            });
            routed.contains("10.") && local.is_some_and(|text| text.contains("10."))
        });
    };
    let leads_to = |daemon: &Daemon, address: &str| {
        let rules = Output::of(&mut daemon.sandbox().command("nft", ["list", "ruleset"])).ok();
        assert!(rules.contains(&format!("{address} . 80")), "{address} in {rules}");
        assert_eq!(daemon.hythe(["port", "cc", "80"]).ok().lines().next(), Some("0.0.0.0:18080"));
        answers(daemon);
    };
    leads_to(&daemon, "10.33.0.2");
    daemon.hythe(["network", "connect", "na", "cc"]).ok();
    leads_to(&daemon, "10.31.0.2");
    // The first network goes, and with it the address that the port had.
    daemon.hythe(["network", "disconnect", "nc", "cc"]).ok();
    leads_to(&daemon, "10.31.0.2");
    daemon.hythe(["network", "connect", "nz", "cc"]).ok();
    daemon.kill();
    daemon.boot();
    daemon.hythe(["network", "disconnect", "na", "cc"]).ok();
    leads_to(&daemon, "10.35.0.2");
    daemon.check_state();
    daemon.hythe(["rm", "-f", "cc"]).ok();
    daemon.hythe(["network", "rm", "na", "nc", "nz", "inner", "nboth", "nsix"]).ok();
}
