//! resolv.conf as Docker writes it.

use super::*;

fn network(driver: Driver, ipv6: bool) -> Network {
    Network {
        id: String::new(),
        name: "bridge".to_owned(),
        driver,
        created: jiff::Timestamp::UNIX_EPOCH,
        internal: false,
        attachable: false,
        enable_ipv4: true,
        enable_ipv6: ipv6,
        ipam: crate::Ipam::default(),
        subnets_given: false,
        asked: Vec::new(),
        options: std::collections::BTreeMap::new(),
        labels: std::collections::BTreeMap::new(),
        bridge: String::new(),
        link_made: true,
        config_only: false,
        config_from: String::new(),
    }
}

/// The text after the header.
fn text(asked: &ResolvOptions, config: &Config, network: &Network, host: &str) -> String {
    let conf = compose(config, asked, network, "/etc/resolv.conf", parse(host));
    conf.text.strip_prefix(HEADER).unwrap().to_owned()
}

#[test]
fn the_hosts_servers_are_kept_if_a_container_can_reach_them() {
    let check = |ipv6: bool, host: &str, expected: &str| {
        let got = text(&ResolvOptions::default(), &Config::default(), &network(Driver::Bridge, ipv6), host);
        assert_eq!(got, expected, "{host:?}");
    };
    let note = "\n# Based on host file: '/etc/resolv.conf' (legacy)\n";
    check(false, "nameserver 10.0.0.1", &format!("nameserver 10.0.0.1\n{note}# Overrides: []\n"));
    check(
        false,
        "# hi\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nnameserver fd00::1\nsearch a b\nsearch c\noptions x\noptions y:1\nsortlist 1.2.3.4\n",
        &format!("nameserver 10.0.0.1\nsearch c\noptions x y:1\nsortlist 1.2.3.4\n{note}# Overrides: []\n"),
    );
    check(true, "nameserver fd00::1\n", &format!("nameserver fd00::1\n{note}# Overrides: []\n"));
    check(
        false,
        "nameserver 127.0.0.1\nnameserver ::1\noptions ndots:2",
        &format!(
            "nameserver 8.8.8.8\nnameserver 8.8.4.4\noptions ndots:2\n{note}# Used default nameservers.\n# Overrides: []\n# Option ndots from: host\n"
        ),
    );
    check(
        true,
        "nameserver nonsense",
        &format!(
            "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n{note}# Used default nameservers.\n# Invalid nameservers: [nonsense]\n# Overrides: []\n"
        ),
    );
}

#[test]
fn host_mode_keeps_loopback_servers() {
    let got = text(
        &ResolvOptions::default(),
        &Config::default(),
        &network(Driver::Host, false),
        "nameserver 127.0.0.53\n",
    );
    assert_eq!(got, "nameserver 127.0.0.53\n\n# Based on host file: '/etc/resolv.conf'\n# Overrides: []\n");
}

#[test]
fn the_containers_settings_win_over_the_daemons_over_the_hosts() {
    let asked = ResolvOptions {
        servers: vec!["1.2.3.4".parse().unwrap(), "::1".parse().unwrap(), "127.0.0.1".parse().unwrap()],
        search: vec!["a.b".to_owned(), "c.d".to_owned()],
        options: vec!["ndots:3".to_owned(), "rotate".to_owned()],
    };
    let config = Config { dns: vec!["9.9.9.9".parse().unwrap()], ..Config::default() };
    let bridge = network(Driver::Bridge, false);
    let note = "\n# Based on host file: '/etc/resolv.conf' (legacy)\n";
    assert_eq!(
        text(&asked, &config, &bridge, "nameserver 10.0.0.1\nsearch x\noptions y"),
        format!(
            "nameserver 1.2.3.4\nnameserver ::1\nnameserver 127.0.0.1\nsearch a.b c.d\noptions ndots:3 rotate\n{note}# Overrides: [nameservers search options]\n# Option ndots from: override\n"
        )
    );
    assert_eq!(
        text(&ResolvOptions::default(), &config, &bridge, "nameserver 10.0.0.1\nsearch x"),
        format!("nameserver 9.9.9.9\nsearch x\n{note}# Overrides: [nameservers]\n")
    );
    let dot = ResolvOptions { search: vec![".".to_owned()], ..ResolvOptions::default() };
    assert_eq!(
        text(&dot, &Config::default(), &bridge, "nameserver 10.0.0.1\nsearch x"),
        format!("nameserver 10.0.0.1\n{note}# Overrides: [search]\n")
    );
}
