//! `--link-local-ip` of `run` and `network connect`: the addresses inside, in `inspect`, and what is refused.

use testkit::{Daemon, Options, Output, Sandbox};

/// A daemon on a host that forwards IPv6 already: the rules that guard a host which did not would stay after the test.
fn start() -> Daemon {
    let sandbox = Sandbox::new();
    Output::of(&mut sandbox.command("sysctl", ["-q", "net.ipv6.conf.all.forwarding=1"])).ok();
    Daemon::within(sandbox, Options { images: vec!["busybox"], ..Options::default() })
}

fn networks(daemon: &Daemon) {
    daemon.hythe(["network", "create", "--subnet", "10.20.0.0/24", "four"]).ok();
    daemon
        .hythe(["network", "create", "--ipv6", "--subnet", "10.21.0.0/24", "--subnet", "fd21::/64", "both"])
        .ok();
}

fn addresses(daemon: &Daemon, name: &str, link: &str) -> String {
    daemon.hythe(["exec", name, "ip", "-o", "addr", "show", link]).ok()
}

#[test]
fn they_are_on_the_interface_beside_the_networks_own() {
    let daemon = start();
    networks(&daemon);
    let flags = ["run", "-d", "--name", "cc", "--network", "both", "--link-local-ip", "169.254.7.7"];
    let more = ["--link-local-ip", "fe80::77", "busybox", "sleep", "1000"];
    daemon.hythe(flags.into_iter().chain(more)).ok();
    let inside = addresses(&daemon, "cc", "eth0");
    for address in ["10.21.0.2/24", "169.254.7.7/16", "fd21::2/64", "fe80::77/64"] {
        assert!(inside.contains(address), "{address} in {inside}");
    }
    let routes = daemon.hythe(["exec", "cc", "ip", "route"]).ok();
    assert!(routes.contains("169.254.0.0/16 dev eth0 scope link  src 169.254.7.7"), "{routes}");
    let format =
        "{{json .NetworkSettings.Networks.both.IPAMConfig}} {{.NetworkSettings.Networks.both.IPAddress}}";
    let shown = daemon.hythe(["inspect", "-f", format, "cc"]).ok();
    assert_eq!(shown, r#"{"LinkLocalIPs":["169.254.7.7","fe80::77"]} 10.21.0.2"#);
    // Another container reaches it by them.
    let flags = ["run", "--rm", "--network", "both", "--link-local-ip", "169.254.7.8", "busybox"];
    daemon.hythe(flags.into_iter().chain(["ping", "-c", "1", "-W", "5", "169.254.7.7"])).ok();
    // They come again with the next start, also on the default bridge, also by the stock client.
    daemon.hythe(["restart", "-t", "0", "cc"]).ok();
    assert!(addresses(&daemon, "cc", "eth0").contains("169.254.7.7/16"));
    let flags =
        ["run", "--rm", "--link-local-ip", "169.254.9.1", "busybox", "ip", "-o", "addr", "show", "eth0"];
    assert!(daemon.hythe(flags).ok().contains("169.254.9.1/16"));
    // That of version 20 sends them only together with an address of the network.
    if testkit::skip::needs_new_client("--link-local-ip of the stock client") {
        assert!(daemon.docker(flags).ok().contains("169.254.9.1/16"));
    }
    daemon.hythe(["rm", "-f", "cc"]).ok();
    daemon.hythe(["network", "rm", "four", "both"]).ok();
}

#[test]
fn connect_takes_them_and_refuses_others_in_dockers_words() {
    let daemon = start();
    networks(&daemon);
    daemon.hythe(["run", "-d", "--name", "cc", "--network", "four", "busybox", "sleep", "1000"]).ok();
    let connect = |address: &str| {
        daemon.hythe(["network", "connect", "--link-local-ip", address, "both", "cc"]).fails_with(1)
    };
    assert_eq!(connect("10.9.9.9"), "Error response from daemon: invalid link local IP address: 10.9.9.9");
    assert_eq!(
        connect("nonsense"),
        "Error response from daemon: invalid endpoint settings:\ninvalid link-local IP address: nonsense"
    );
    assert!(!daemon.hythe(["exec", "cc", "ip", "addr"]).ok().contains("eth1"));
    let flags = ["--link-local-ip", "169.254.9.9", "--link-local-ip", "fe80::99", "both", "cc"];
    daemon.hythe(["network", "connect"].into_iter().chain(flags)).ok();
    let inside = addresses(&daemon, "cc", "eth1");
    assert!(inside.contains("169.254.9.9/16") && inside.contains("fe80::99/64"), "{inside}");
    for (address, text) in [
        ("10.5.5.5", "failed to set up container networking: invalid link local IP address: 10.5.5.5"),
        ("::ffff:1.2.3.4", "failed to set up container networking: invalid link local IP address: 1.2.3.4"),
        (
            "0.0.0.0",
            "invalid config for network both: invalid endpoint settings:\ninvalid link-local IP address: 0.0.0.0",
        ),
    ] {
        let flags = ["run", "--rm", "--network", "both", "--link-local-ip", address, "busybox", "true"];
        let error = daemon.hythe(flags).fails_with(125);
        assert!(error.contains(&format!("Error response from daemon: {text}")), "{error}");
    }
    let body = r#"{"Image":"busybox","HostConfig":{"NetworkMode":"bridge"},"NetworkingConfig":{"EndpointsConfig":
        {"bridge":{"IPAMConfig":{"IPv4Address":"q","LinkLocalIPs":["xyz"]}}}}}"#;
    let (status, text) = daemon.api("POST", "/containers/create", body);
    assert_eq!(status, 400);
    let lines = "* user specified IP address is supported on user defined networks only\\n* invalid IPv4 address: q\\n\
                 * invalid link-local IP address: xyz";
    assert!(text.contains(lines), "{text}");
    daemon.hythe(["rm", "-f", "cc"]).ok();
    daemon.hythe(["network", "rm", "four", "both"]).ok();
}
