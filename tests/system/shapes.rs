//! What kind of value each field of an answer has (a string, a number, a list, `null`, or no field at all), in every API
//! version, against what Docker 28.5 answered: typed clients fail on the first that is another.
//!
//! `tests/spec/shapes.txt` was recorded by this test itself: with `HYTHE_SHAPES` naming the socket of an engine that has
//! the image `busybox:latest`, it writes that engine's shapes instead of comparing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::fixture::workspace;
use testkit::{Api, Daemon};

/// Where Docker's shapes are kept.
const RECORD: &str = "tests/spec/shapes.txt";
/// The oldest and the newest version of the API, after `1.`.
const VERSIONS: std::ops::RangeInclusive<u32> = 24..=51;
/// What the test makes is called so.
const NAME: &str = "shapes-of-docker";

/// Fields whose value is a map with keys of somebody's own: what is in it counts, not what it is called.
const MAPS: [&str; 16] = [
    "Annotations",
    "Config.ExposedPorts",
    "Config.Volumes",
    "Containers",
    "Details",
    "DriverOpts",
    "ExposedPorts",
    "GraphDriver.Data",
    "IndexConfigs",
    "Labels",
    "LogConfig.Config",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Runtimes",
];

/// What is of Docker's own parts, or of how it was installed, and why it may differ.
const OF_ITS_OWN: [(&str, &str); 10] = [
    ("info .Containerd", "its parts are not ours"),
    ("info .FirewallBackend", "what it is told with differs by the host's rules"),
    ("info .ContainerdCommit", "its parts are not ours"),
    ("info .DefaultAddressPools", "as configured"),
    ("info .Warnings", "as the host is"),
    ("info .Swarm.Cluster", "no swarm"),
    ("version .BuildTime", "told of no build"),
    ("version .GitCommit", "told of no build"),
    ("image .GraphDriver", "the storage driver's own words"),
    ("image .Config.Env", "the two images are not made alike"),
];

/// By question and path of a field: the kinds of its values, and in which versions.
type Shapes = BTreeMap<String, BTreeMap<String, BTreeSet<u32>>>;

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(items) if items.is_empty() => "[]",
        Value::Array(_) => "list",
        Value::Object(fields) if fields.is_empty() => "{}",
        Value::Object(_) => "object",
    }
}

/// Notes the kinds of a value and of everything in it.
fn note(value: &Value, path: &str, version: u32, shapes: &mut Shapes) {
    shapes.entry(path.to_owned()).or_default().entry(kind(value).to_owned()).or_default().insert(version);
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| note(item, &format!("{path}[]"), version, shapes))
        }
        Value::Object(fields) => {
            let open = MAPS.iter().any(|map| path.ends_with(&format!(".{map}")));
            for (key, field) in fields {
                let key = if open { "*" } else { key };
                note(field, &format!("{path}.{key}"), version, shapes);
            }
        }
        _ => {}
    }
}

/// The things that are looked at: a container that runs, in a network of its own, with a port and a volume.
fn make(door: &Api) {
    let ok = |path: &str, body: Value| {
        let answer = door.post(path, &body).expect("an answer");
        assert!(answer.is_ok(), "{path}: {}", answer.text());
    };
    ok("/networks/create", json!({"Name": NAME, "Labels": {"k": "v"}, "Options": {}}));
    ok("/volumes/create", json!({"Name": NAME, "Labels": {"k": "v"}}));
    let body = json!({"Image": "busybox", "Cmd": ["sleep", "1000"], "Labels": {"k": "v"}, "Env": ["A=1"],
        "ExposedPorts": {"80/tcp": {}}, "StopTimeout": 1, "StopSignal": "SIGKILL",
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 3_600_000_000_000_u64},
        "HostConfig": {"NetworkMode": NAME, "Binds": [format!("{NAME}:/v")], "Memory": 64 << 20,
            "Mounts": [{"Type": "tmpfs", "Target": "/t"}], "Ulimits": [{"Name": "nofile", "Soft": 64, "Hard": 64}],
            "Annotations": {"k": "v"}},
        "NetworkingConfig": {"EndpointsConfig": {NAME: {"Aliases": ["other"]}}}});
    ok(&format!("/containers/create?name={NAME}"), body);
    ok(&format!("/containers/{NAME}/start"), Value::Null);
}

fn remove(door: &Api) {
    for path in ["containers", "networks", "volumes"] {
        let path = format!("/{path}/{NAME}{}", if path == "containers" { "?force=1" } else { "" });
        // When another engine is recorded, something may be left of the last try.
        let _ = door.call("DELETE", &path).expect("an answer");
    }
}

fn shapes(door: &Api) -> Shapes {
    let filters = format!("%7B%22name%22%3A%5B%22{NAME}%22%5D%7D");
    let mut shapes = Shapes::new();
    for version in VERSIONS {
        for (what, path) in [
            ("containers", format!("/containers/json?filters={filters}")),
            ("container", format!("/containers/{NAME}/json")),
            ("networks", format!("/networks?filters={filters}")),
            ("network", format!("/networks/{NAME}")),
            ("volumes", format!("/volumes?filters={filters}")),
            ("volume", format!("/volumes/{NAME}")),
            (
                "images",
                "/images/json?filters=%7B%22reference%22%3A%5B%22busybox%3Alatest%22%5D%7D".to_owned(),
            ),
            ("image", "/images/busybox/json".to_owned()),
            ("history", "/images/busybox/history".to_owned()),
            ("info", "/info".to_owned()),
            ("version", "/version".to_owned()),
        ] {
            let answer = door.call("GET", &format!("/v1.{version}{path}")).expect("an answer");
            assert_eq!(answer.status, 200, "1.{version}{path}: {}", answer.text());
            note(&answer.json(), &format!("{what} "), version, &mut shapes);
        }
    }
    shapes
}

/// One line a field: its path, and each kind with its versions.
fn lines(shapes: &Shapes) -> BTreeMap<String, String> {
    let versions = |versions: &BTreeSet<u32>| {
        let (first, last) = (versions.first().expect("one"), versions.last().expect("one"));
        let whole = (last - first + 1) as usize == versions.len();
        assert!(whole, "versions with a hole: {versions:?}");
        format!("{first}-{last}")
    };
    let kinds = |kinds: &BTreeMap<String, BTreeSet<u32>>| {
        kinds.iter().map(|(kind, of)| format!("{kind} {}", versions(of))).collect::<Vec<_>>().join(", ")
    };
    shapes.iter().map(|(path, of)| (path.clone(), kinds(of))).collect()
}

fn is_its_own(path: &str) -> bool {
    OF_ITS_OWN.iter().any(|(own, _)| path.starts_with(own))
}

#[test]
fn each_field_is_of_dockers_kind_in_each_version() {
    if let Some(socket) = testkit::env("HYTHE_SHAPES") {
        let door = Api::new(PathBuf::from(socket));
        remove(&door);
        make(&door);
        let text: String =
            lines(&shapes(&door)).iter().map(|(path, kinds)| format!("{path}: {kinds}\n")).collect();
        remove(&door);
        return std::fs::write(workspace().join(RECORD), text).expect("write the record");
    }
    let daemon = Daemon::start();
    let door = daemon.door();
    make(&door);
    let found = lines(&shapes(&door));
    remove(&door);
    let record = std::fs::read_to_string(workspace().join(RECORD)).expect("the record");
    let expected: BTreeMap<String, String> = record
        .lines()
        .map(|line| line.split_once(": ").expect("path: kinds"))
        .map(|(path, kinds)| (path.to_owned(), kinds.to_owned()))
        .collect();
    assert!(expected.len() > 300, "only {} fields", expected.len());
    let paths: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let none = "no such field".to_owned();
    let wrong: Vec<String> = paths
        .into_iter()
        .filter(|path| !is_its_own(path) && found.get(*path) != expected.get(*path))
        .map(|path| {
            let of = |shapes: &BTreeMap<String, String>| shapes.get(path).unwrap_or(&none).clone();
            format!("{path}: Docker {}, here {}", of(&expected), of(&found))
        })
        .collect();
    assert!(wrong.is_empty(), "{} fields differ:\n{}", wrong.len(), wrong.join("\n"));
    daemon.check_leaks();
}
