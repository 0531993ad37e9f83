//! `network create`: options of the bridge, and what is shown of the request.

use serde_json::{Value, json};
use testkit::{Daemon, Output};

/// Makes a network `net`.
fn create(daemon: &Daemon, more: Value) -> (u16, String) {
    let mut body = json!({"Name": "net"});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let (status, answer) = daemon.api("POST", "/networks/create", &body.to_string());
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    (status, answer["message"].as_str().unwrap_or_default().to_owned())
}

fn ipam(daemon: &Daemon) -> Value {
    let (_, answer) = daemon.api("GET", "/networks/net", "");
    serde_json::from_str::<Value>(&answer).expect("JSON")["IPAM"].clone()
}

/// The addresses that the host has on the bridge of `net`.
fn on_bridge(daemon: &Daemon) -> String {
    let id = daemon.hythe(["network", "inspect", "-f", "{{.Id}}", "net"]).ok();
    let link = format!("hy-{}", &id[..12]);
    let script = format!("ip -o addr show dev {link} scope global");
    Output::of(&mut daemon.sandbox().command("sh", ["-c", &script])).ok()
}

/// Two containers in `net` reach each other; gives the address of the first, and its default routes.
fn meet(daemon: &Daemon) -> (String, String) {
    daemon.hythe(["run", "-d", "--name", "one", "--network", "net", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["run", "--rm", "--network", "net", "busybox", "ping", "-c", "1", "-W", "5", "one"]).ok();
    let address = daemon.hythe(["inspect", "-f", "{{.NetworkSettings.Networks.net.IPAddress}}", "one"]).ok();
    let routes = daemon.hythe(["exec", "one", "sh", "-c", "ip route | grep -o 'default.*eth0'; true"]).ok();
    daemon.hythe(["rm", "-f", "one"]).ok();
    (address, routes)
}

#[test]
fn in_an_isolated_network_the_host_has_no_address() {
    let daemon = Daemon::start();
    let mode = |mode: &str| json!({"com.docker.network.bridge.gateway_mode_ipv4": mode});
    let wrong =
        "failed to parse com.docker.network.bridge.gateway_mode_ipv4 value: x (unknown gateway mode x)";
    assert_eq!(create(&daemon, json!({"Options": mode("x")})), (400, wrong.to_owned()));
    let inner = "gateway mode 'isolated' can only be used for an internal network";
    assert_eq!(create(&daemon, json!({"Options": mode("isolated")})), (400, inner.to_owned()));
    let config = json!([{"Subnet": "10.77.0.0/24"}]);
    let request = json!({"Internal": true, "Options": mode("isolated"), "IPAM": {"Config": config}});
    assert_eq!(create(&daemon, request), (201, String::new()));
    assert_eq!(ipam(&daemon)["Config"], config);
    assert_eq!(on_bridge(&daemon), "");
    assert_eq!(meet(&daemon), ("10.77.0.1".to_owned(), String::new()));
    daemon.hythe(["network", "rm", "net"]).ok();
}

#[test]
fn an_inhibited_address_is_not_given_to_the_bridge() {
    let mut daemon = Daemon::start();
    let inhibit = |value: &str| json!({"com.docker.network.bridge.inhibit_ipv4": value});
    let wrong = "failed to parse com.docker.network.bridge.inhibit_ipv4 value: x (strconv.ParseBool: parsing \"x\": \
                 invalid syntax)";
    assert_eq!(create(&daemon, json!({"Options": inhibit("x")})), (400, wrong.to_owned()));
    let config = json!([{"Subnet": "10.77.0.0/24"}]);
    let request = json!({"Options": inhibit("true"), "IPAM": {"Config": config}});
    assert_eq!(create(&daemon, request), (201, String::new()));
    assert_eq!(on_bridge(&daemon), "");
    daemon.kill();
    daemon.boot();
    assert_eq!(on_bridge(&daemon), "");
    assert_eq!(meet(&daemon), ("10.77.0.2".to_owned(), "default via 10.77.0.1 dev eth0".to_owned()));
    daemon.hythe(["network", "rm", "net"]).ok();
}

#[test]
fn options_of_address_management_are_shown_as_they_were_named() {
    let mut daemon = Daemon::start();
    for (asked, shown) in [
        (json!({}), json!(null)),
        (json!({"IPAM": {"Options": null}}), json!(null)),
        (json!({"IPAM": {"Options": {}}}), json!({})),
    ] {
        assert_eq!(create(&daemon, asked.clone()), (201, String::new()));
        assert_eq!(ipam(&daemon)["Options"], shown, "{asked}");
        daemon.kill();
        daemon.boot();
        assert_eq!(ipam(&daemon)["Options"], shown, "{asked}");
        daemon.hythe(["network", "rm", "net"]).ok();
    }
}

#[test]
fn a_configuration_is_what_other_networks_are_made_from() {
    let mut daemon = Daemon::start();
    let named = |name: &str, mut more: Value| {
        more["Name"] = json!(name);
        more
    };
    let operator = "configuration network can only contain network specific fields. Network operator fields like [ ingress | \
                    internal | attachable | scope ] are not supported.";
    for (request, status, words) in [
        (json!({"ConfigOnly": true, "Internal": true}), 403, operator),
        (json!({"ConfigOnly": true, "Ingress": true}), 403, operator),
        (
            json!({"ConfigOnly": true, "ConfigFrom": {"Network": "bridge"}}),
            403,
            "a configuration network cannot depend on another configuration network",
        ),
        (
            json!({"ConfigFrom": {"Network": "bridge"}}),
            404,
            "configuration network \"bridge\" does not exist",
        ),
        (
            json!({"ConfigFrom": {"Network": "conf"}, "Labels": {"a": "b"}}),
            403,
            "user specified configurations are not supported if the network depends on a configuration network",
        ),
        (
            json!({"ConfigFrom": {"Network": "conf"}, "Options": {"a": "b"}}),
            403,
            "network driver options are not supported if the network depends on a configuration network",
        ),
    ] {
        assert_eq!(create(&daemon, request.clone()), (status, words.to_owned()), "{request}");
    }
    let config = json!([{"Subnet": "10.79.0.0/24", "Gateway": "10.79.0.9"}]);
    let options = json!({"com.docker.network.driver.mtu": "1400"});
    let request =
        json!({"ConfigOnly": true, "IPAM": {"Config": config}, "Options": options, "Labels": {"l": "m"}});
    assert_eq!(create(&daemon, named("conf", request)), (201, String::new()));
    daemon.hythe(["network", "create", "--config-from", "conf", "net"]).ok();
    daemon.kill();
    daemon.boot();
    let seen = |name: &str| {
        let (_, answer) = daemon.api("GET", &format!("/networks/{name}"), "");
        serde_json::from_str::<Value>(&answer).expect("JSON")
    };
    for (name, driver, only, from) in [("conf", "null", true, ""), ("net", "bridge", false, "conf")] {
        let seen = seen(name);
        assert_eq!((&seen["Driver"], &seen["ConfigOnly"]), (&json!(driver), &json!(only)), "{seen}");
        assert_eq!(seen["ConfigFrom"], json!({ "Network": from }), "{seen}");
        assert_eq!((&seen["IPAM"]["Config"], &seen["Options"]), (&config, &options), "{seen}");
        assert_eq!(seen["Labels"], json!({"l": "m"}), "{seen}");
    }
    assert_eq!(on_bridge(&daemon).split_whitespace().nth(3), Some("10.79.0.9/24"));
    assert_eq!(meet(&daemon).0, "10.79.0.1");
    let error = daemon.hythe(["run", "--rm", "--network", "conf", "busybox", "true"]).fails_with(125);
    assert!(error.contains("cannot create endpoint on configuration-only network"), "{error}");
    let error = daemon.hythe(["network", "rm", "conf"]).fails_with(1);
    assert!(error.contains("configuration network \"conf\" is in use"), "{error}");
    daemon.hythe(["network", "rm", "net"]).ok();
    daemon.hythe(["network", "rm", "conf"]).ok();
}
