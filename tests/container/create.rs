//! What a create request means and what is shown of it, as Docker 28.5 has it.

use serde_json::{Value, json};
use testkit::{Api, Daemon};

/// Makes `name` of the request, without a start, and shows it.
fn made(door: &Api, name: &str, request: &Value) -> Value {
    let answer = door.post(&format!("/containers/create?name={name}"), request).expect("an answer");
    assert_eq!(answer.status, 201, "{request}: {}", answer.text());
    door.call("GET", &format!("/containers/{name}/json")).expect("an answer").json()
}

fn refused(door: &Api, path: &str, request: &Value) -> String {
    let answer = door.post(path, request).expect("an answer");
    assert_eq!(answer.status, 400, "{request}: {}", answer.text());
    answer.json()["message"].as_str().expect("a message").to_owned()
}

/// A request's endpoints are all the networks there are: one that names a closed network does not get the default one too.
#[test]
fn networks_are_those_of_the_endpoints() {
    let daemon = Daemon::start();
    let door = daemon.door();
    daemon.hythe(["network", "create", "--internal", "closed"]).ok();
    let of = |mode: &str, endpoints: Value| {
        json!({"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": mode},
            "NetworkingConfig": {"EndpointsConfig": endpoints}})
    };
    for (name, mode, endpoints, expected) in [
        ("c-a", "", json!({"closed": {}}), vec!["closed"]),
        ("c-b", "bridge", json!({"closed": {}}), vec!["closed"]),
        ("c-c", "closed", json!({}), vec!["closed"]),
        ("c-d", "closed", json!({"bridge": {}}), vec!["bridge"]),
        ("c-e", "closed", json!({"closed": {}, "default": {}}), vec!["bridge", "closed"]),
        ("c-f", "", json!({}), vec!["bridge"]),
    ] {
        let shown = made(&door, name, &of(mode, endpoints));
        let networks = shown["NetworkSettings"]["Networks"].as_object().expect("networks");
        assert_eq!(networks.keys().collect::<Vec<_>>(), expected, "{name}");
    }
    daemon.hythe(["start", "c-a"]).ok();
    let links = daemon.hythe(["exec", "c-a", "ls", "/sys/class/net"]).ok();
    assert_eq!(links.split_whitespace().collect::<Vec<_>>(), ["eth0", "lo"]);
    let routes = daemon.hythe(["exec", "c-a", "ip", "route"]).ok();
    assert!(!routes.contains("default"), "{routes}");
    let mut with_mac = of("", json!({"closed": {}}));
    with_mac["MacAddress"] = json!("02:42:ac:11:00:97");
    assert_eq!(
        refused(&door, "/containers/create", &with_mac),
        "unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the \
         identity of a network in NetworkSettings.Networks"
    );
    assert_eq!(
        refused(&door, "/containers/create", &of("closed", json!({"closed": null}))),
        "invalid config for network closed: EndpointsConfig is nil"
    );
    let mut without = of("", json!({}));
    without["NetworkDisabled"] = json!(true);
    assert_eq!(made(&door, "c-g", &without)["NetworkSettings"]["Networks"], json!({}));
    daemon.hythe(["rm", "-f", "c-a", "c-b", "c-c", "c-d", "c-e", "c-f", "c-g"]).ok();
    daemon.hythe(["network", "rm", "closed"]).ok();
    daemon.check_leaks();
}

/// An address that a network cannot give is refused when it is asked for, not forgotten.
#[test]
fn addresses_are_those_of_the_networks_subnets() {
    let daemon = Daemon::start();
    let door = daemon.door();
    daemon.hythe(["network", "create", "--subnet=10.77.0.0/16", "--ip-range=10.77.8.0/24", "chosen"]).ok();
    daemon.hythe(["network", "create", "given"]).ok();
    // What was asked for is shown as it was, and what was chosen in full.
    let shown = |name: &str| door.call("GET", &format!("/networks/{name}")).expect("an answer").json();
    assert_eq!(
        shown("chosen")["IPAM"]["Config"],
        json!([{"Subnet": "10.77.0.0/16", "IPRange": "10.77.8.0/24"}])
    );
    assert!(shown("given")["IPAM"]["Config"][0]["Gateway"].is_string());
    daemon.hythe(["create", "--name=stands", "busybox"]).ok();
    let chosen = "user specified IP address is supported only when connecting to networks with user configured \
                  subnets";
    for (network, ipam, expected) in [
        ("chosen", json!({"IPv6Address": "fd00::9"}), chosen.to_owned()),
        ("given", json!({"IPv4Address": "10.77.8.9"}), chosen.to_owned()),
        ("given", json!({"IPv6Address": "fd00::9"}), chosen.to_owned()),
        (
            "chosen",
            json!({"IPv4Address": "10.77.9.9"}),
            "no configured subnet or ip-range contain the IP address 10.77.9.9".to_owned(),
        ),
        (
            "chosen",
            json!({"IPv4Address": "x", "IPv6Address": "10.77.8.9"}),
            format!(
                "* invalid IPv4 address: x\n* invalid IPv6 address: 10.77.8.9\n* no configured subnet or ip-range \
                 contain the IP address x\n* {chosen}"
            ),
        ),
    ] {
        let endpoint = json!({"IPAMConfig": ipam});
        let request = json!({"Image": "busybox", "HostConfig": {"NetworkMode": network},
            "NetworkingConfig": {"EndpointsConfig": {network: endpoint}}});
        assert_eq!(
            refused(&door, "/containers/create", &request),
            format!("invalid config for network {network}: invalid endpoint settings:\n{expected}")
        );
        let request = json!({"Container": "stands", "EndpointConfig": endpoint});
        let text = refused(&door, &format!("/networks/{network}/connect"), &request);
        assert!(text.ends_with(&format!("invalid endpoint settings:\n{expected}")), "{text}");
    }
    daemon
        .hythe(["run", "-d", "--name=has", "--network=chosen", "--ip=10.77.8.9", "busybox", "sleep", "1000"])
        .ok();
    daemon.hythe(["rm", "-f", "has", "stands"]).ok();
    daemon.hythe(["network", "rm", "chosen", "given"]).ok();
    daemon.check_leaks();
}

/// What `inspect` shows where Docker fills something in or leaves something out.
#[test]
fn settings_are_shown_as_docker_does() {
    let daemon = Daemon::start();
    let door = daemon.door();
    let of = |host: Value| json!({"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": host});
    let disabled = json!(["label=disable"]);
    for (name, host, field, expected) in [
        ("c-a", json!({"Privileged": true}), "SecurityOpt", disabled.clone()),
        ("c-b", json!({"Privileged": true}), "MaskedPaths", Value::Null),
        ("c-c", json!({"Privileged": true}), "ReadonlyPaths", Value::Null),
        ("c-d", json!({"PidMode": "host"}), "SecurityOpt", disabled.clone()),
        ("c-e", json!({"IpcMode": "host"}), "SecurityOpt", disabled),
        ("c-f", json!({"IpcMode": "host", "SecurityOpt": []}), "SecurityOpt", json!([])),
        ("c-g", json!({"KernelMemory": 1 << 30}), "KernelMemory", Value::Null),
    ] {
        assert_eq!(made(&door, name, &of(host.clone()))["HostConfig"][field], expected, "{host}");
    }
    let shown = made(&door, "c-h", &of(json!({"SecurityOpt": ["apparmor=unconfined"]})));
    assert_eq!(shown["AppArmorProfile"], "unconfined");
    let shown = made(&door, "c-i", &of(json!({"UTSMode": "host"})));
    assert_eq!(shown["Config"]["Hostname"], shown["Id"].as_str().expect("an ID")[..12]);
    let mut request = of(json!({}));
    request["Healthcheck"] = json!({"Test": []});
    assert_eq!(made(&door, "c-j", &request)["Config"]["Healthcheck"], json!({}));
    // Its own name until it runs in another's namespace.
    daemon.hythe(["run", "-d", "--name=owner", "--hostname=theirs", "busybox", "sleep", "1000"]).ok();
    let shown = made(&door, "c-k", &of(json!({"NetworkMode": "container:owner"})));
    assert_eq!(shown["Config"]["Hostname"], shown["Id"].as_str().expect("an ID")[..12]);
    daemon.hythe(["start", "c-k"]).ok();
    assert_eq!(daemon.hythe(["inspect", "--format={{.Config.Hostname}}", "c-k"]).ok(), "theirs");
    assert_eq!(daemon.hythe(["exec", "c-k", "sh", "-c", "echo $HOSTNAME; hostname"]).ok(), "theirs\ntheirs");
    for (hosts, expected) in [
        (json!(["a=1.2.3.4"]), "bad format for add-host: \"a=1.2.3.4\""),
        (json!(["a:[::1]"]), "invalid IP address in add-host: \"[::1]\""),
        (json!(["a"]), "bad format for add-host: \"a\""),
    ] {
        assert_eq!(refused(&door, "/containers/create", &of(json!({"ExtraHosts": hosts}))), expected);
    }
    daemon
        .hythe([
            "rm", "-f", "c-a", "c-b", "c-c", "c-d", "c-e", "c-f", "c-g", "c-h", "c-i", "c-j", "c-k", "owner",
        ])
        .ok();
    daemon.check_leaks();
}
