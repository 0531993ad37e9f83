//! Requests that are refused, or taken, as a Docker 28.5 did when it was asked: the status (400 also where Docker answers
//! 500) and the words.

use serde_json::{Value, json};
use testkit::Daemon;

/// A create request with these fields beside image and command.
fn with(fields: Value) -> Value {
    let mut body = json!({"Image": "busybox", "Cmd": ["true"]});
    let more = fields.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(more);
    body
}

fn host(fields: Value) -> Value {
    with(json!({ "HostConfig": fields }))
}

fn mount(mount: Value) -> Value {
    host(json!({ "Mounts": [mount] }))
}

fn endpoints(networks: Value) -> Value {
    with(json!({"NetworkingConfig": {"EndpointsConfig": networks}}))
}

#[track_caller]
fn refuses(daemon: &Daemon, method: &str, path: &str, body: &Value, words: &str) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = daemon.api(method, path, &body);
    let message: Value = serde_json::from_str(&answer).unwrap_or_default();
    assert_eq!((status, message["message"].as_str()), (400, Some(words)), "{method} {path} {body}: {answer}");
}

#[test]
fn mounts() {
    let daemon = Daemon::start();
    let table = [
        (
            host(json!({"Binds": ["/tmp:/x:nocopy"]})),
            "invalid volume specification: '/tmp:/x:nocopy': invalid mount config for type \"bind\": field VolumeOptions \
             must not be specified",
        ),
        (
            host(json!({"Binds": ["vv:/x:shared"]})),
            "invalid volume specification: 'vv:/x:shared': invalid mount config for type \"volume\": field BindOptions must \
             not be specified",
        ),
        (host(json!({"Binds": ["x:/y:z:w"]})), "invalid volume specification: 'x:/y:z:w'"),
        (host(json!({"VolumesFrom": [""]})), "volumes-from specification cannot be an empty string"),
        (
            mount(json!({"Type": "bind", "Source": "/tmp", "Target": "/x", "VolumeOptions": {}})),
            "VolumeOptions must not be specified on mount type \"bind\"",
        ),
        (
            mount(json!({"Type": "volume", "Target": "/x", "BindOptions": {}})),
            "BindOptions must not be specified on mount type \"volume\"",
        ),
        (
            mount(json!({"Type": "bind", "Source": "/tmp", "Target": "/x", "TmpfsOptions": {}})),
            "TmpfsOptions must not be specified on mount type \"bind\"",
        ),
        (
            mount(json!({"Type": "bind", "Source": "/tmp", "Target": "/x", "ImageOptions": {}})),
            "invalid mount config for type \"bind\": field ImageOptions must not be specified",
        ),
        (
            mount(json!({"Type": "volume", "Target": "/x", "VolumeOptions": {"Subpath": "a"}})),
            "invalid mount config for type \"volume\": must not set Subpath when using anonymous volumes",
        ),
        (
            mount(json!({"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"Options": [["suid"]]}})),
            "invalid mount config for type \"tmpfs\": invalid option: suid",
        ),
        (
            mount(json!({"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"Options": [[]]}})),
            "invalid mount config for type \"tmpfs\": invalid option array length",
        ),
    ];
    for (body, words) in table {
        refuses(&daemon, "POST", "/containers/create", &body, words);
    }
    // What only the start can tell.
    let missing =
        json!({"Type": "volume", "Source": "vol", "Target": "/x", "VolumeOptions": {"Subpath": "none"}});
    assert_eq!(daemon.api("POST", "/containers/create?name=sub", &mount(missing).to_string()).0, 201);
    assert_eq!(daemon.api("POST", "/containers/sub/start", "").0, 404);
    // A negative size reaches the kernel, which refuses it.
    let negative = json!({"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"SizeBytes": -1}});
    assert_eq!(daemon.api("POST", "/containers/create?name=small", &mount(negative).to_string()).0, 201);
    assert_eq!(daemon.api("POST", "/containers/small/start", "").0, 500);
    daemon.hythe(["rm", "sub", "small"]).ok();
    // A relative VOLUME is below the root.
    let relative = with(json!({"Cmd": ["touch", "/data/file"], "Volumes": {"./data": {}}}));
    assert_eq!(daemon.api("POST", "/containers/create?name=relative", &relative.to_string()).0, 201);
    daemon.hythe(["start", "-a", "relative"]).ok();
    daemon.hythe(["rm", "-v", "relative"]).ok();
    daemon.hythe(["volume", "rm", "vol"]).ok();
    daemon.check_leaks();
}

#[test]
fn networks() {
    let daemon = Daemon::start();
    let predefined = "user specified IP address is supported on user defined networks only";
    let outside = "no configured subnet or ip-range contain the IP address";
    let bridge = "invalid config for network bridge: invalid endpoint settings:";
    let table = [
        (
            endpoints(json!({"bridge": {"IPAMConfig": {"IPv4Address": "10.0.0.7"}}})),
            format!("{bridge}\n* {predefined}\n* {outside} 10.0.0.7"),
        ),
        (
            endpoints(json!({"bridge": {"IPAMConfig": {"IPv4Address": "x"}}})),
            format!("{bridge}\n* {predefined}\n* invalid IPv4 address: x\n* {outside} x"),
        ),
        (
            endpoints(json!({"own": {"IPAMConfig": {"IPv6Address": "1.2.3.4"}}})),
            "invalid config for network own: invalid endpoint settings:\ninvalid IPv6 address: 1.2.3.4".into(),
        ),
        (
            endpoints(json!({"bridge": {}, "host": {}})),
            "failed to set up container networking: cannot connect container to host network - container must be created in host network mode"
                .into(),
        ),
        (
            endpoints(json!({"bridge": {}, "none": {}})),
            "failed to set up container networking: container cannot be connected to multiple networks with one of the networks in private (none) mode"
                .into(),
        ),
        (
            with(json!({
                "MacAddress": "02:42:ac:11:00:06", "HostConfig": {"NetworkMode": "own"},
                "NetworkingConfig": {"EndpointsConfig": {"own": {"MacAddress": "02:42:ac:11:00:05"}}},
            })),
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be \
             left empty"
                .into(),
        ),
        (host(json!({"Links": ["a:b:c"]})), "bad format for links: a:b:c".into()),
    ];
    for (body, words) in table {
        refuses(&daemon, "POST", "/containers/create", &body, &words);
    }
    let old = with(json!({"MacAddress": "02:42:ac:11:00:06"})).to_string();
    let warning = "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.";
    assert!(daemon.api("POST", "/containers/create?name=new", &old).1.contains(warning));
    assert!(!daemon.api("POST", "/v1.43/containers/create?name=old", &old).1.contains(warning));
    daemon.hythe(["rm", "new", "old"]).ok();
}

#[test]
fn values_in_the_query() {
    let daemon = Daemon::start();
    daemon.hythe(["create", "--name", "c1", "busybox"]).ok();
    let table = [
        ("POST", "/containers/c1/start?checkpoint=x", "checkpoint is only supported in experimental mode"),
        ("POST", "/containers/c1/stop?t=x", "strconv.Atoi: parsing \"x\": invalid syntax"),
        (
            "POST",
            "/containers/c1/stop?t=99999999999999999999",
            "strconv.Atoi: parsing \"99999999999999999999\": value out of range",
        ),
        ("POST", "/containers/c1/resize?h=-1&w=1", "invalid resize height \"-1\": value out of range"),
        ("GET", "/containers/c1/logs?stdout=1&since=1m", "strconv.ParseInt: parsing \"1m\": invalid syntax"),
        ("GET", "/events?since=1.5x", "strconv.ParseInt: parsing \"5x\": invalid syntax"),
        ("GET", "/containers/c1/archive?path=", "bad parameter: pathcannot be empty"),
        (
            "POST",
            "/containers/prune?filters=%7B%22until%22:%5B%221h%22,%222h%22%5D%7D",
            "more than one until filter specified",
        ),
        ("POST", "/commit?repo=x", "invalid name or ID supplied: \"\""),
        ("POST", "/commit?container=c1&changes=FOO%20x", "FOO is not a valid change command"),
        (
            "POST",
            "/commit?container=c1&repo=a@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            "cannot import digest reference",
        ),
    ];
    for (method, path, words) in table {
        refuses(&daemon, method, path, &Value::Null, words);
    }
    // The value of a name in a filter does not count.
    let found = |name: &str| {
        let path = format!("/containers/json?all=1&filters=%7B%22name%22:%7B%22{name}%22:false%7D%7D");
        daemon.api("GET", &path, "").1.contains("\"/c1\"")
    };
    assert_eq!((found("c1"), found("d1")), (true, false));
    daemon.hythe(["rm", "c1"]).ok();
}

/// A new entrypoint takes no arguments of the old command; with `CMD` beside it, it has new ones.
#[test]
fn an_entrypoint_in_a_commit_drops_the_command() {
    let daemon = Daemon::start();
    daemon.hythe(["create", "--name", "c1", "busybox", "old", "words"]).ok();
    let command = |changes: &[&str]| {
        let changes = changes.iter().flat_map(|change| ["-c", change]);
        daemon.hythe(["commit"].into_iter().chain(changes).chain(["c1", "made"])).ok();
        let shown = daemon.hythe(["image", "inspect", "--format={{json .Config.Cmd}}", "made"]).ok();
        daemon.hythe(["rmi", "made"]).ok();
        shown
    };
    assert_eq!(command(&[]), "[\"old\",\"words\"]");
    assert_eq!(command(&["ENTRYPOINT [\"e\"]"]), "null");
    assert_eq!(command(&["CMD [\"new\"]", "ENTRYPOINT [\"e\"]"]), "[\"new\"]");
    daemon.hythe(["rm", "c1"]).ok();
}

/// What older versions say, where it is another thing than today.
#[test]
fn older_versions() {
    let daemon = Daemon::start();
    let keys = |path: &str| {
        let answer: Value = serde_json::from_str(&daemon.api("GET", path, "").1).expect("json");
        answer
    };
    let of_type = keys("/v1.51/system/df?type=container");
    assert_eq!((&of_type["LayersSize"], &of_type["Images"]), (&json!(0), &Value::Null));
    assert!(keys("/v1.41/system/df?type=container")["Images"].is_array());
    for (version, there) in [("1.51", true), ("1.49", true), ("1.48", false), ("1.24", false)] {
        let info = keys(&format!("/v{version}/info"));
        assert_eq!(info.get("FirewallBackend").is_some(), there, "{version}");
        assert_eq!(
            info["Plugins"]["Log"],
            json!(["fluentd", "gelf", "journald", "json-file", "local", "syslog"])
        );
    }
    daemon.hythe(["run", "-d", "--name", "c1", "busybox", "sleep", "1000"]).ok();
    let before = |version: &str| {
        keys(&format!("/v{version}/containers/c1/stats?stream=0&one-shot=1"))["precpu_stats"]["system_cpu_usage"]
            .clone()
    };
    assert_eq!(before("1.41"), Value::Null);
    assert!(before("1.40").is_number());
    daemon.hythe(["rm", "-f", "c1"]).ok();
}

/// What older clients cannot mean: ignored or refused, as Docker 28.5 has it.
#[test]
fn requests_of_older_versions() {
    let daemon = Daemon::start();
    let table = [
        (
            "1.43",
            mount(json!({"Type": "bind", "Source": "/tmp", "Target": "/x", "ReadOnly": true,
                "BindOptions": {"ReadOnlyForceRecursive": true}})),
            "BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer",
        ),
        (
            "1.44",
            mount(
                json!({"Type": "volume", "Source": "vol", "Target": "/x", "VolumeOptions": {"Subpath": "a"}}),
            ),
            "VolumeOptions.Subpath needs API v1.45 or newer",
        ),
        (
            "1.47",
            mount(json!({"Type": "image", "Source": "busybox", "Target": "/x"})),
            "Mount type \"Image\" needs API v1.48 or newer",
        ),
        (
            "1.41",
            mount(json!({"Type": "bind", "Source": "/nothing/here", "Target": "/x",
                "BindOptions": {"CreateMountpoint": true}})),
            "invalid mount config for type \"bind\": bind source path does not exist: /nothing/here",
        ),
        (
            "1.43",
            endpoints(json!({"bridge": {}, "own": {}})),
            "Container cannot be created with multiple network endpoints: bridge, own",
        ),
    ];
    for (version, body, words) in table {
        refuses(&daemon, "POST", &format!("/v{version}/containers/create"), &body, words);
    }
    daemon.hythe(["network", "create", "own"]).ok();
    let body = with(json!({
        "Cmd": ["sleep", "1000"], "Healthcheck": {"Test": ["CMD", "true"], "StartInterval": 5000000},
        "HostConfig": {"ConsoleSize": [5, 6], "Annotations": {"a": "b"}},
        "NetworkingConfig": {"EndpointsConfig": {"own": {"MacAddress": "02:42:ac:11:00:31", "Aliases": ["web"]}}},
    }));
    let shown = |created: &str, asked: &str| {
        let path = format!("/v{created}/containers/create?name=old");
        assert_eq!(daemon.api("POST", &path, &body.to_string()).0, 201);
        let all: Value =
            serde_json::from_str(&daemon.api("GET", &format!("/v{asked}/containers/old/json"), "").1)
                .expect("json");
        daemon.hythe(["rm", "old"]).ok();
        let host = &all["HostConfig"];
        let own = &all["NetworkSettings"]["Networks"]["own"];
        (
            host["ConsoleSize"] == json!([0, 0]),
            host.get("Annotations").is_none(),
            all["Config"]["Healthcheck"].get("StartInterval").is_none(),
            own["MacAddress"] == json!(""),
            own["Aliases"].as_array().is_some_and(|aliases| aliases.len() == 1),
        )
    };
    assert_eq!(shown("1.51", "1.45"), (false, false, false, false, true));
    assert_eq!(shown("1.43", "1.44"), (false, false, true, true, false));
    assert_eq!(shown("1.41", "1.51"), (true, true, true, true, true));
    let digests = |version: &str| {
        let images: Value =
            serde_json::from_str(&daemon.api("GET", &format!("/v{version}/images/json"), "").1)
                .expect("json");
        images[0]["RepoDigests"].clone()
    };
    assert_eq!((digests("1.43"), digests("1.42")), (json!([]), Value::Null));
    daemon.hythe(["network", "rm", "own"]).ok();
}

#[test]
fn profiles_of_system_calls() {
    let daemon = Daemon::start();
    let decoding = "Decoding seccomp profile failed:";
    let runtime = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create \
                   failed:";
    let rule = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"X"}]}"#;
    let twice = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ERRNO"}]}"#;
    let table = [
        ("x", format!("{decoding} invalid character 'x' looking for beginning of value")),
        ("{", format!("{decoding} unexpected end of JSON input")),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW"} x"#,
            format!("{decoding} invalid character 'x' after top-level value"),
        ),
        (rule, format!("{runtime} string X is not a valid action for seccomp")),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["X"]}"#,
            format!("{runtime} string X is not a valid arch for seccomp"),
        ),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["X"]}"#,
            format!("{runtime} seccomp flag X is not known to runc"),
        ),
        (
            twice,
            "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'"
                .to_owned(),
        ),
    ];
    let made = |profile: &str| {
        let body = with(json!({
            "Cmd": ["grep", "Seccomp:", "/proc/self/status"],
            "HostConfig": {"SecurityOpt": [format!("seccomp={profile}")]},
        }));
        assert_eq!(daemon.api("POST", "/containers/create?name=box", &body.to_string()).0, 201);
    };
    for (profile, words) in table {
        made(profile);
        refuses(&daemon, "POST", "/containers/box/start", &Value::Null, &words);
        daemon.hythe(["rm", "box"]).ok();
    }
    // One that says nothing filters nothing.
    for profile in ["{}", "null"] {
        made(profile);
        assert_eq!(daemon.hythe(["start", "-a", "box"]).ok(), "Seccomp:\t0", "{profile}");
        daemon.hythe(["rm", "box"]).ok();
    }
    daemon.check_leaks();
}
