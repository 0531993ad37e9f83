//! Answers that were found to differ from Docker 28.5's when both were asked the same, one line each.

use serde_json::{Value, json};
use testkit::{Api, Daemon};

/// Status and text of an answer.
fn told(door: &Api, method: &str, path: &str, body: &Value) -> (u16, String) {
    let answer = match body {
        Value::Null => door.call(method, path),
        body => door.send(method, path, "application/json", body.to_string().as_bytes()),
    };
    let answer = answer.expect("an answer");
    let text = serde_json::from_str::<Value>(&answer.text()).ok();
    let message = text.and_then(|value| Some(value.get("message")?.as_str()?.to_owned()));
    (answer.status, message.unwrap_or_default())
}

/// A query parameter's value.
fn filters(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// What is said of all that needs a swarm.
const NO_SWARM: &str = "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this \
                        node to swarm and try again.";

/// Asks for each: method, path, body, status, text.
fn ask(door: &Api, cases: &[(&str, &str, Value, u16, &str)]) {
    for (method, path, body, status, text) in cases {
        assert_eq!(told(door, method, path, body), (*status, (*text).to_owned()), "{method} {path} {body}");
    }
}

#[test]
fn networks_are_made() {
    let daemon = Daemon::start();
    let door = daemon.door();
    let auxiliary = |address: &str| {
        json!({"Name": "n", "IPAM": {"Config": [{"Subnet": "10.81.0.0/24",
            "AuxiliaryAddresses": {"router": address}}]}})
    };
    let cases = [
        (
            "POST",
            "/networks/create",
            json!({"Name": "n", "Scope": "swarm"}),
            403,
            "cannot create a swarm scoped network when swarm is not active",
        ),
        (
            "POST",
            "/networks/create",
            json!({"Name": "n", "Ingress": true}),
            403,
            "Ingress network can only be global scope network",
        ),
        ("POST", "/networks/create", json!({"Name": "n", "Driver": "overlay"}), 403, NO_SWARM),
        (
            "POST",
            "/networks/create",
            json!({"Name": "host"}),
            403,
            "operation is not permitted on predefined host network ",
        ),
        (
            "POST",
            "/networks/create",
            auxiliary("x"),
            400,
            "invalid network config:\ninvalid auxiliary address router: invalid address",
        ),
        (
            "POST",
            "/networks/create",
            auxiliary("10.9.9.9"),
            400,
            "invalid network config:\ninvalid auxiliary address router: parent subnet 10.81.0.0/24 doesn't contain this address",
        ),
        (
            "POST",
            "/networks/create",
            json!({"Name": "n", "IPAM": {"Config": [{}]}}),
            400,
            "invalid network config:\ninvalid subnet : invalid CIDR block notation",
        ),
    ];
    ask(&door, &cases);
    daemon.check_leaks();
}

#[test]
fn networks_are_joined_and_left() {
    let daemon = Daemon::start();
    let door = daemon.door();
    daemon.hythe(["create", "--name=one", "busybox"]).ok();
    let cases = [
        (
            "POST",
            "/networks/host/connect",
            json!({"Container": "one"}),
            400,
            "cannot connect container to host network - container must be created in host network mode",
        ),
        (
            "POST",
            "/networks/none/connect",
            json!({"Container": "one"}),
            400,
            "container cannot be connected to multiple networks with one of the networks in private (none) mode",
        ),
        (
            "POST",
            "/networks/bridge/disconnect",
            json!({"Container": "nobody", "Force": true}),
            404,
            "endpoint nobody not found",
        ),
    ];
    ask(&door, &cases);
    daemon.hythe(["rm", "one"]).ok();
    daemon.check_leaks();
}

#[test]
fn volumes_and_filters() {
    let daemon = Daemon::start();
    let door = daemon.door();
    let dangling =
        "invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or \"0\")";
    let cases = [
        (
            "GET",
            "/networks/bridge?verbose=x",
            Value::Null,
            400,
            "invalid value for verbose: x: strconv.ParseBool: parsing \"x\": invalid syntax",
        ),
        (
            "POST",
            "/volumes/create",
            json!({"Name": "vol", "DriverOpts": {"size": "1m"}}),
            400,
            "create vol: quota size requested but no quota support",
        ),
        ("POST", "/volumes/create", json!({"Name": "vol", "ClusterVolumeSpec": {}}), 503, NO_SWARM),
        (
            "PUT",
            "/volumes/vol?version=1",
            json!({}),
            503,
            "volume update only valid for cluster volumes, but swarm is unavailable",
        ),
        ("POST", "/build/cancel?id=x", Value::Null, 200, ""),
    ];
    ask(&door, &cases);
    for (path, query, status, text) in [
        ("/networks", r#"{"dangling":["x"]}"#, 400, dangling),
        ("/containers/json", "null", 200, ""),
        ("/containers/json", r#"{"name":null}"#, 200, ""),
        (
            "/containers/json",
            r#"{"publish":["2-1"]}"#,
            400,
            "error while looking up for publish 2-1: Invalid range specified for the Port: 2-1",
        ),
    ] {
        let path = format!("{path}?filters={}", filters(query));
        assert_eq!(told(&door, "GET", &path, &Value::Null), (status, text.to_owned()), "{query}");
    }
    let prune = format!("/volumes/prune?filters={}", filters(r#"{"all":["x"]}"#));
    let text = "invalid filter 'all': strconv.ParseBool: parsing \"x\": invalid syntax";
    assert_eq!(told(&door, "POST", &prune, &Value::Null), (400, text.to_owned()));
    daemon.check_leaks();
}

#[test]
fn containers_and_images() {
    let daemon = Daemon::start();
    let door = daemon.door();
    daemon.hythe(["create", "--name=one", "--cpus=0.5", "--rm", "busybox"]).ok();
    let id = daemon.hythe(["inspect", "--format={{.Id}}", "one"]).ok();
    let cannot = |text: &str| format!("Cannot update container {id}: {text}");
    let platform = filters(r#"{"os":"linux","architecture":"mips"}"#);
    let have = daemon.hythe(["image", "inspect", "--format={{.Os}}/{{.Architecture}}", "busybox"]).ok();
    for (method, path, body, status, text) in [
        (
            "POST",
            "/containers/one/update".to_owned(),
            json!({"CpuPeriod": 50_000}),
            409,
            cannot("Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set"),
        ),
        (
            "POST",
            "/containers/one/update".to_owned(),
            json!({"RestartPolicy": {"Name": "always"}}),
            409,
            cannot("Restart policy cannot be updated because AutoRemove is enabled for the container"),
        ),
        (
            "POST",
            "/images/busybox/tag?repo=sha256&tag=x".to_owned(),
            Value::Null,
            400,
            "refusing to create an ambiguous tag using digest algorithm as name".to_owned(),
        ),
        (
            "GET",
            "/images/busybox/json?platform=x".to_owned(),
            Value::Null,
            400,
            "failed to parse platform: invalid character 'x' looking for beginning of value".to_owned(),
        ),
        (
            "GET",
            format!("/images/busybox/json?platform={platform}"),
            Value::Null,
            404,
            format!(
                "image with reference busybox was found but its platform ({have}) does not match the specified platform (linux/mips)"
            ),
        ),
        (
            "POST",
            "/commit?container=one&changes=BOGUS".to_owned(),
            Value::Null,
            400,
            "BOGUS is not a valid change command".to_owned(),
        ),
        (
            "POST",
            "/commit?container=one&changes=EXPOSE%20x".to_owned(),
            Value::Null,
            400,
            "Invalid containerPort: x".to_owned(),
        ),
    ] {
        assert_eq!(told(&door, method, &path, &body), (status, text), "{method} {path} {body}");
    }
    daemon.hythe(["rm", "one"]).ok();
    daemon.check_leaks();
}

#[test]
fn settings_of_containers() {
    let daemon = Daemon::start();
    let door = daemon.door();
    for (host, text) in [
        (json!({"Links": [""]}), "empty string specified for links"),
        (json!({"VolumesFrom": [":ro"]}), "invalid name or ID supplied: \"\""),
        (
            json!({"LogConfig": {"Type": "fluentd", "Config": {"fluentd-async-reconnect-interval": "1ms"}}}),
            "invalid value for fluentd-async-reconnect-interval: value (\"1ms\") must be between 100ms and 10s",
        ),
    ] {
        let body = json!({"Image": "busybox", "HostConfig": host});
        let answer = told(&door, "POST", "/containers/create", &body);
        assert_eq!(answer, (400, text.to_owned()), "{host}");
    }
    let body = json!({"Image": "busybox", "HostConfig": {"Dns": ["x"]}});
    assert_eq!(told(&door, "POST", "/containers/create?name=dns", &body).0, 201);
    let text = "bad nameserver address x: ParseAddr(\"x\"): unable to parse IP";
    assert_eq!(told(&door, "POST", "/containers/dns/start", &Value::Null), (400, text.to_owned()));
    daemon.hythe(["rm", "dns"]).ok();
    daemon.check_leaks();
}

/// One whose process never was, and one whose process is no more.
#[test]
fn execs_that_cannot_be_resized() {
    let daemon = Daemon::start();
    let door = daemon.door();
    daemon.hythe(["run", "-d", "--name=one", "busybox", "sleep", "1000"]).ok();
    let ended = |line: Value| {
        let made = door.post("/containers/one/exec", &json!({"Cmd": line, "AttachStdout": true}));
        let id = made.expect("an answer").json()["Id"].as_str().expect("an id").to_owned();
        door.post(&format!("/exec/{id}/start"), &json!({})).expect("an answer");
        testkit::wait::until_true("the exec has ended", || {
            let shown = door.call("GET", &format!("/exec/{id}/json")).expect("an answer").json();
            shown["Running"] == false && !shown["ExitCode"].is_null()
        });
        id
    };
    let (never, over) = (ended(json!(["nosuch"])), ended(json!(["true"])));
    let resize = |id: &str| told(&door, "POST", &format!("/exec/{id}/resize?h=1&w=1"), &Value::Null);
    assert_eq!(resize(&never), (400, "exec process is not started".to_owned()));
    assert_eq!(resize(&over), (404, format!("NotFound: process does not exist {over}: not found")));
    daemon.hythe(["rm", "-f", "one"]).ok();
    daemon.check_leaks();
}

/// What a symbolic link leads to counts.
#[test]
fn sizes_of_images_count_links() {
    let daemon = Daemon::start();
    let size = |name: &str| {
        let shown = daemon.hythe(["image", "inspect", "--format={{.Size}}", name]).ok();
        shown.parse::<u64>().expect("a size")
    };
    daemon.hythe(["run", "--name=links", "busybox", "ln", "-s", "/a/target/of/24/letters", "/link"]).ok();
    daemon.hythe(["commit", "links", "linked"]).ok();
    assert_eq!(size("linked") - size("busybox"), "/a/target/of/24/letters".len() as u64);
    daemon.hythe(["rm", "links"]).ok();
    daemon.hythe(["rmi", "linked"]).ok();
    daemon.check_leaks();
}
