//! `network connect` and `disconnect`: who may be where, and the endpoints of `host` and `none`. What is expected is what
//! a Docker 28.5 answered to the same requests.

use std::time::SystemTime;

use serde_json::{Value, json};
use testkit::Daemon;

const SHARES: &str = "container sharing network namespace with another container or host cannot be connected to any other \
                      network";
const PRIVATE: &str =
    "container cannot be connected to multiple networks with one of the networks in private (none) mode";
const HOST: &str =
    "cannot connect container to host network - container must be created in host network mode";
const IN_HOST: &str =
    "cannot disconnect container from host network - container was created in host network mode";

fn create(daemon: &Daemon, name: &str, mode: &str) {
    let body = json!({"Image": "busybox", "Cmd": ["sleep", "1000"], "StopSignal": "KILL",
        "HostConfig": {"NetworkMode": mode}});
    let (status, answer) = daemon.api("POST", &format!("/containers/create?name={name}"), &body.to_string());
    assert_eq!(status, 201, "{answer}");
}

fn start(daemon: &Daemon, name: &str) -> (u16, String) {
    message(daemon.api("POST", &format!("/containers/{name}/start"), ""))
}

fn message((status, answer): (u16, String)) -> (u16, String) {
    let message: Value = serde_json::from_str(&answer).unwrap_or_default();
    (status, message["message"].as_str().unwrap_or_default().to_owned())
}

/// Asks for `connect` or `disconnect`.
fn ask(daemon: &Daemon, verb: &str, network: &str, container: &str) -> (u16, String) {
    let body = json!({ "Container": container }).to_string();
    let (status, text) = message(daemon.api("POST", &format!("/networks/{network}/{verb}"), &body));
    let id = inspect(daemon, container)["Id"].as_str().expect("an id").to_owned();
    (status, text.replace(&id, "ID"))
}

fn inspect(daemon: &Daemon, name: &str) -> Value {
    let (status, answer) = daemon.api("GET", &format!("/containers/{name}/json"), "");
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).expect("json")
}

/// The networks it is in, by name, with an exclamation mark where it has an endpoint.
fn networks(daemon: &Daemon, name: &str) -> String {
    let inspect = inspect(daemon, name);
    let networks = inspect["NetworkSettings"]["Networks"].as_object().expect("networks");
    let one = |(name, settings): (&String, &Value)| {
        let mark = if settings["EndpointID"].as_str().expect("an id").is_empty() { "" } else { "!" };
        format!("{name}{mark}")
    };
    networks.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn host_and_none_have_endpoints_as_other_networks() {
    let daemon = Daemon::start();
    for (network, driver) in [("host", "host"), ("none", "null")] {
        create(&daemon, "box", network);
        assert_eq!(start(&daemon, "box"), (204, String::new()));
        let seen = inspect(&daemon, "box");
        let id = seen["Id"].as_str().expect("an id");
        let settings = &seen["NetworkSettings"];
        let endpoint = settings["Networks"][network]["EndpointID"].as_str().expect("an id");
        assert_eq!(endpoint.len(), 64, "{settings}");
        assert_eq!(settings["Networks"][network]["MacAddress"], "", "{settings}");
        assert_ne!(settings["SandboxID"], "", "{settings}");
        assert_ne!(settings["SandboxKey"], "", "{settings}");
        let (_, answer) = daemon.api("GET", &format!("/networks/{network}"), "");
        let shown: Value = serde_json::from_str(&answer).expect("json");
        let expected = json!({"Name": "box", "EndpointID": endpoint, "MacAddress": "", "IPv4Address": "", "IPv6Address": ""});
        assert_eq!(shown["Containers"][id], expected, "{answer}");
        daemon.hythe(["rm", "-f", "box"]).ok();
        let filters = "%7B%22type%22%3A%5B%22network%22%5D%7D";
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64();
        let (_, events) = daemon.api("GET", &format!("/events?since=1&until={now:.9}&filters={filters}"), "");
        let told: Vec<(String, String)> = events
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("json"))
            .filter(|event| event["Actor"]["Attributes"]["container"] == id)
            .map(|event| {
                let attributes = &event["Actor"]["Attributes"];
                assert_eq!(attributes["name"], network, "{event}");
                (
                    event["Action"].as_str().expect("text").into(),
                    attributes["type"].as_str().expect("text").into(),
                )
            })
            .collect();
        let expected = ["connect", "disconnect"].map(|action| (action.to_owned(), driver.to_owned()));
        assert_eq!(told, expected);
        let (_, answer) = daemon.api("GET", &format!("/networks/{network}"), "");
        assert_eq!(
            serde_json::from_str::<Value>(&answer).expect("json")["Containers"],
            json!({}),
            "{answer}"
        );
    }
}

#[test]
fn they_outlive_the_daemon() {
    let mut daemon = Daemon::start();
    for network in ["host", "none"] {
        create(&daemon, network, network);
        assert_eq!(start(&daemon, network), (204, String::new()));
    }
    let before = ["host", "none"].map(|name| inspect(&daemon, name)["NetworkSettings"].clone());
    daemon.kill();
    daemon.boot();
    assert_eq!(["host", "none"].map(|name| inspect(&daemon, name)["NetworkSettings"].clone()), before);
}

/// What is asked for, the status and text of the answer, and the networks it is in then.
type Step<'a> = (&'a str, &'a str, u16, &'a str, &'a str);

#[track_caller]
fn plays(daemon: &Daemon, mode: &str, runs: bool, steps: &[Step<'_>]) {
    create(daemon, "box", mode);
    if runs {
        assert_eq!(start(daemon, "box"), (204, String::new()), "{mode}");
    }
    for (verb, network, status, text, left) in steps {
        let answer = ask(daemon, verb, network, "box");
        let left = if runs { left.to_string() } else { left.replace('!', "") };
        assert_eq!(
            (answer, networks(daemon, "box")),
            ((*status, (*text).to_owned()), left),
            "{mode}, runs: {runs}: {verb} {network}"
        );
    }
    daemon.hythe(["rm", "-f", "box"]).ok();
}

fn missing(network: &str, runs: bool) -> String {
    let the = if runs { "" } else { "the " };
    format!("container ID is not connected to {the}network {network}")
}

#[test]
fn who_has_a_namespace_of_its_own_may_be_in_none_or_in_others() {
    let daemon = Daemon::start();
    daemon.hythe(["network", "create", "own"]).ok();
    for runs in [false, true] {
        let (no_bridge, no_host) = (missing("bridge", runs), missing("host", runs));
        plays(
            &daemon,
            "bridge",
            runs,
            &[
                ("connect", "none", 400, PRIVATE, "bridge!"),
                ("connect", "host", 400, HOST, "bridge!"),
                ("disconnect", "host", 500, &no_host, "bridge!"),
                ("disconnect", "bridge", 200, "", ""),
                ("disconnect", "bridge", 500, &no_bridge, ""),
                ("connect", "none", 200, "", "none!"),
                ("connect", "bridge", 400, PRIVATE, "none!"),
                ("disconnect", "none", 200, "", ""),
                ("connect", "own", 200, "", "own!"),
                ("connect", "bridge", 200, "", "bridge! own!"),
            ],
        );
        plays(
            &daemon,
            "none",
            runs,
            &[
                ("connect", "bridge", 400, PRIVATE, "none!"),
                ("connect", "host", 400, HOST, "none!"),
                ("disconnect", "none", 200, "", ""),
                ("connect", "own", 200, "", "own!"),
                ("connect", "none", 400, PRIVATE, "own!"),
            ],
        );
    }
    // One that does not run is only noted to be there; a second time changes how.
    plays(&daemon, "own", false, &[("connect", "own", 200, "", "own")]);
    let twice = "endpoint with name box already exists in network own";
    plays(&daemon, "own", true, &[("connect", "own", 403, twice, "own!")]);
    daemon.hythe(["network", "rm", "own"]).ok();
}

#[test]
fn who_shares_a_namespace_may_be_in_no_other_network() {
    let daemon = Daemon::start();
    daemon.hythe(["network", "create", "own"]).ok();
    create(&daemon, "base", "bridge");
    assert_eq!(start(&daemon, "base"), (204, String::new()));
    plays(
        &daemon,
        "host",
        false,
        &[
            ("connect", "bridge", 400, SHARES, "host"),
            ("connect", "none", 400, SHARES, "host"),
            ("connect", "host", 200, "", "host"),
            ("disconnect", "host", 200, "", ""),
            ("connect", "own", 200, "", "own"),
        ],
    );
    plays(
        &daemon,
        "host",
        true,
        &[
            ("connect", "bridge", 400, SHARES, "host!"),
            ("connect", "host", 403, "endpoint with name box already exists in network host", "host!"),
            ("disconnect", "host", 400, IN_HOST, "host!"),
            ("disconnect", "own", 500, &missing("own", true), "host!"),
        ],
    );
    plays(
        &daemon,
        "container:base",
        true,
        &[("connect", "own", 400, SHARES, ""), ("connect", "host", 400, SHARES, "")],
    );
    daemon.hythe(["network", "rm", "own"]).ok();
}

#[test]
fn a_start_refuses_what_cannot_be_together() {
    let daemon = Daemon::start();
    daemon.hythe(["network", "create", "own"]).ok();
    create(&daemon, "base", "bridge");
    assert_eq!(start(&daemon, "base"), (204, String::new()));
    let refused = format!("failed to set up container networking: {SHARES}");
    create(&daemon, "shares", "container:base");
    assert_eq!(ask(&daemon, "connect", "own", "shares"), (200, String::new()));
    assert_eq!(start(&daemon, "shares"), (400, refused.clone()));
    create(&daemon, "host", "host");
    assert_eq!(ask(&daemon, "disconnect", "host", "host"), (200, String::new()));
    assert_eq!(ask(&daemon, "connect", "own", "host"), (200, String::new()));
    assert_eq!(start(&daemon, "host"), (400, refused));
    // It runs in the host's network all the same when it is in none by name.
    assert_eq!(ask(&daemon, "disconnect", "own", "host"), (200, String::new()));
    assert_eq!(start(&daemon, "host"), (204, String::new()));
    daemon.hythe(["network", "rm", "own"]).ok();
}

#[test]
fn a_network_may_come_later() {
    let daemon = Daemon::start();
    create(&daemon, "box", "bridge");
    assert_eq!(ask(&daemon, "connect", "later", "box"), (200, String::new()));
    let missing = "failed to set up container networking: network later not found";
    assert_eq!(start(&daemon, "box"), (404, missing.to_owned()));
    daemon.hythe(["network", "create", "later"]).ok();
    assert_eq!(start(&daemon, "box"), (204, String::new()));
    assert_eq!(networks(&daemon, "box"), "bridge! later!");
    let missing = (404, "network nosuch not found".to_owned());
    assert_eq!(ask(&daemon, "connect", "nosuch", "box"), missing);
    assert_eq!(ask(&daemon, "disconnect", "nosuch", "box"), missing);
    daemon.hythe(["rm", "-f", "box"]).ok();
    daemon.hythe(["network", "rm", "later"]).ok();
}

/// Asks for `connect` with these settings.
fn connect_with(daemon: &Daemon, network: &str, container: &str, settings: Value) -> (u16, String) {
    let body = json!({ "Container": container, "EndpointConfig": settings }).to_string();
    message(daemon.api("POST", &format!("/networks/{network}/connect"), &body))
}

#[test]
fn settings_are_looked_at_and_names_are_known_at_once() {
    let daemon = Daemon::start();
    daemon.hythe(["network", "create", "own"]).ok();
    daemon.hythe(["network", "create", "other"]).ok();
    create(&daemon, "box", "bridge");
    let wrong = (400, "invalid MAC address x".to_owned());
    let names = |network: &str| {
        let seen = inspect(&daemon, "box");
        let short = seen["Id"].as_str().expect("an id")[..12].to_owned();
        let names = seen["NetworkSettings"]["Networks"][network]["DNSNames"].clone();
        names.as_array().map(|names| {
            let text = |name: &Value| name.as_str().expect("a name").replace(&short, "SHORT");
            names.iter().map(text).collect::<Vec<_>>().join(" ")
        })
    };
    assert_eq!(connect_with(&daemon, "own", "box", json!({"MacAddress": "x"})), wrong);
    assert_eq!(connect_with(&daemon, "own", "box", json!({"Aliases": ["b"], "DNSNames": ["x"]})).0, 200);
    assert_eq!(names("own").as_deref(), Some("box b SHORT"));
    assert_eq!(start(&daemon, "box"), (204, String::new()));
    daemon.hythe(["kill", "box"]).ok();
    daemon.hythe(["wait", "box"]).ok();
    assert_eq!((names("own").as_deref(), names("bridge")), (Some("box b SHORT"), None));
    assert_eq!(start(&daemon, "box"), (204, String::new()));
    assert_eq!(connect_with(&daemon, "other", "box", json!({"MacAddress": "x"})), wrong);
    let links = (400, "bad format for links: a:b:c".to_owned());
    assert_eq!(connect_with(&daemon, "other", "box", json!({"Links": ["a:b:c"]})), links);
    // The settings of a container that runs may name the network.
    let missing = (404, "network nosuch not found".to_owned());
    assert_eq!(connect_with(&daemon, "own", "box", json!({"NetworkID": "nosuch"})), missing);
    assert_eq!(connect_with(&daemon, "own", "box", json!({"NetworkID": "other"})), (200, String::new()));
    assert_eq!(networks(&daemon, "box"), "bridge! other! own!");
    daemon.hythe(["rm", "-f", "box"]).ok();
    daemon.hythe(["network", "rm", "own", "other"]).ok();
}
