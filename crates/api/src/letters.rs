//! Names of fields in any case: whatever the letters look like, what is read is the same.

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{auth, container, event, exec, image, network, system, volume};

/// Objects whose keys are the user's own words, not names of fields.
const OPEN: [&str; 22] = [
    "Annotations",
    "Attributes",
    "AuxiliaryAddresses",
    "Containers",
    "Data",
    "Details",
    "DriverOpts",
    "EndpointsConfig",
    "ExposedPorts",
    "IndexConfigs",
    "Labels",
    "Networks",
    "Options",
    "PortBindings",
    "Ports",
    "Runtimes",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
    "networks",
    "stats",
];

/// The document with the letters of its names turned as `turn` says.
fn turned(value: &Value, open: bool, turn: &mut dyn FnMut(char) -> char) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = Map::new();
            for (key, value) in fields {
                // A log driver's options are a map, a container's configuration is not.
                let inside = OPEN.contains(&key.as_str()) || key == "Config" && fields.len() == 2;
                let name = if open { key.clone() } else { key.chars().map(&mut *turn).collect() };
                out.insert(name, turned(value, inside && value.is_object(), turn));
            }
            Value::Object(out)
        }
        Value::Array(items) => items.iter().map(|item| turned(item, false, turn)).collect(),
        other => other.clone(),
    }
}

/// A create request that uses every nested struct.
fn create() -> Value {
    let inspect: Value = serde_json::from_str(include_str!("../golden/container-inspect.json")).unwrap();
    let mut request = inspect["Config"].clone();
    request["Healthcheck"] =
        json!({"Test": ["CMD", "true"], "Interval": 1, "StartPeriod": 2, "StartInterval": 3});
    request["Labels"] = json!({"Image": "a", "image": "b"});
    let mut host = inspect["HostConfig"].clone();
    host["PortBindings"] = json!({"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]});
    host["Devices"] =
        json!([{"PathOnHost": "/dev/null", "PathInContainer": "/n", "CgroupPermissions": "rwm"}]);
    host["Ulimits"] = json!([{"Name": "nofile", "Soft": 1, "Hard": 2}]);
    host["BlkioDeviceReadIOps"] = json!([{"Path": "/dev/sda", "Rate": 9}]);
    host["LogConfig"] = json!({"Type": "json-file", "Config": {"max-size": "1m"}});
    host["Mounts"] = json!([
        {"Type": "bind", "Source": "/a", "Target": "/b", "BindOptions": {"NonRecursive": true}},
        {"Type": "volume", "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": {"Type": "x"}}}},
        {"Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 7, "Mode": 511}},
    ]);
    request["HostConfig"] = host;
    request["NetworkingConfig"] = json!({"EndpointsConfig": {"Bridge": {
        "IPAMConfig": {"IPv4Address": "10.0.0.2"}, "GwPriority": 1, "Aliases": ["A"]}}});
    request
}

fn same<T: DeserializeOwned + Serialize>(document: &str, turn: &mut dyn FnMut(char) -> char) {
    let exact: Value = serde_json::from_str(document).unwrap();
    let other = turned(&exact, false, turn);
    let read: T = serde_json::from_str(&other.to_string()).unwrap();
    let expected: T = serde_json::from_str(document).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(expected).unwrap(), "{other}");
}

fn all_same(turn: &mut dyn FnMut(char) -> char) {
    same::<container::CreateRequest>(&create().to_string(), turn);
    same::<container::InspectResponse>(include_str!("../golden/container-inspect.json"), turn);
    same::<Vec<container::Summary>>(include_str!("../golden/container-list.json"), turn);
    same::<container::Stats>(include_str!("../golden/stats.json"), turn);
    same::<exec::InspectResponse>(include_str!("../golden/exec.json"), turn);
    same::<Vec<image::HistoryItem>>(include_str!("../golden/image-history.json"), turn);
    same::<Vec<image::Summary>>(include_str!("../golden/image-list.json"), turn);
    same::<network::Network>(include_str!("../golden/network.json"), turn);
    same::<volume::ListResponse>(include_str!("../golden/volumes.json"), turn);
    same::<event::Message>(include_str!("../golden/event.json"), turn);
    same::<system::Version>(include_str!("../golden/version.json"), turn);
    same::<system::Info>(include_str!("../golden/info.json"), turn);
    same::<auth::Config>(r#"{"username":"u","serveraddress":"s","identitytoken":"t"}"#, turn);
    same::<image::Platform>(r#"{"os":"linux","architecture":"arm","os.version":"1","os.features":[]}"#, turn);
}

#[test]
fn every_letter_small_or_capital() {
    all_same(&mut |letter| letter.to_ascii_lowercase());
    all_same(&mut |letter| letter.to_ascii_uppercase());
}

proptest! {
    #[test]
    fn letters_of_any_case(coins in prop::collection::vec(any::<bool>(), 1..400)) {
        let mut coins = coins.into_iter().cycle();
        all_same(&mut |letter| match coins.next() {
            Some(true) => letter.to_ascii_uppercase(),
            _ => letter.to_ascii_lowercase(),
        });
    }
}

/// The last counts, whatever its letters are, as in Go; underscores and other letters are other names.
#[test]
fn names_given_twice_and_names_of_nobody() {
    let read = |text: &str| serde_json::from_str::<container::CreateRequest>(text).unwrap();
    assert_eq!(read(r#"{"Image":"a","image":"b"}"#).config.image, "b");
    assert_eq!(read(r#"{"image":"b","Image":"a"}"#).config.image, "a");
    assert_eq!(read(r#"{"Image":"a","Image":"b"}"#).config.image, "b");
    let twice = r#"{"HostConfig":{"Memory":1},"hostconfig":{"memory":2}}"#;
    assert_eq!(read(twice).host_config.unwrap().resources.memory, 2);
    for none in ["host_config", "HostConfig_", "_HostConfig", "HostConfi", "HostConfigs", "Host Config", ""] {
        assert_eq!(read(&json!({none: {"Memory": 1}}).to_string()), container::CreateRequest::default());
    }
    // Escapes, and the two letters outside ASCII that fold to one inside.
    assert_eq!(read(r#"{"\u0049mage":"a"}"#).config.image, "a");
    assert_eq!(read("{\"workingDir\":\"/w\",\"o\u{17f}\":1,\"Ho\u{17f}tname\":\"h\"}").config.hostname, "h");
    let kelvin = serde_json::from_str::<container::LogConfig>("{\"Type\":\"x\",\"T\u{212a}\":1}").unwrap();
    assert_eq!(kelvin.r#type, "x");
    // snake_case names keep their underscores.
    let stats: container::Stats = serde_json::from_str(r#"{"Num_Procs":3}"#).unwrap();
    assert_eq!(stats.num_procs, 3);
    let stats: container::Stats = serde_json::from_str(r#"{"numprocs":3}"#).unwrap();
    assert_eq!(stats.num_procs, 0);
}

#[test]
fn null_is_the_zero_value_everywhere() {
    let read = |value: Value| serde_json::from_value::<container::CreateRequest>(value).unwrap();
    let request = read(json!({
        "Env": [null, "A=b"], "Labels": {"a": null}, "Cmd": [null],
        "HostConfig": {"ConsoleSize": [3], "Binds": [null], "Mounts": [null], "PortBindings": {"80/tcp": [null]}},
    }));
    assert_eq!(request.config.env.unwrap(), ["", "A=b"]);
    assert_eq!(request.config.labels["a"], "");
    assert_eq!(request.config.cmd.unwrap().0, [""]);
    let host = request.host_config.unwrap();
    assert_eq!(host.console_size, [3, 0]);
    assert_eq!(host.mounts.unwrap(), [container::Mount::default()]);
    let port = container::PortBinding::default();
    assert_eq!(host.port_bindings.unwrap()["80/tcp"], Some(vec![port]));
    let host = read(json!({"HostConfig": {"ConsoleSize": [1, 2, 3]}})).host_config.unwrap();
    assert_eq!(host.console_size, [1, 2]);
}
