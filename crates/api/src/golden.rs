//! Answers recorded from Docker 28.5 must survive reading and writing without a change: no field lost, no `null`
//! turned into `[]`, none added.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{StringMap, container, event, exec, image, network, system, volume};

fn round_trip<T: DeserializeOwned + Serialize>(recorded: &str) -> T {
    let value: T = serde_json::from_str(recorded).unwrap();
    let before: Value = serde_json::from_str(recorded).unwrap();
    let after = serde_json::to_value(&value).unwrap();
    compare("", &before, &after);
    value
}

/// Names the path of the first difference; whole documents side by side are unreadable.
fn compare(path: &str, before: &Value, after: &Value) {
    match (before, after) {
        (Value::Object(b), Value::Object(a)) => {
            for (key, value) in b {
                compare(
                    &format!("{path}/{key}"),
                    value,
                    a.get(key).unwrap_or_else(|| panic!("{path}/{key} lost")),
                );
            }
            let added: Vec<&String> = a.keys().filter(|key| !b.contains_key(*key)).collect();
            assert!(added.is_empty(), "{path}: added {added:?}");
        }
        (Value::Array(b), Value::Array(a)) if b.len() == a.len() => {
            b.iter().zip(a).enumerate().for_each(|(i, (b, a))| compare(&format!("{path}/{i}"), b, a));
        }
        _ => assert_eq!(before, after, "{path}"),
    }
}

#[test]
fn recorded_answers_round_trip() {
    round_trip::<container::InspectResponse>(include_str!("../golden/container-inspect.json"));
    round_trip::<Vec<container::Summary>>(include_str!("../golden/container-list.json"));
    round_trip::<container::Stats>(include_str!("../golden/stats.json"));
    round_trip::<exec::InspectResponse>(include_str!("../golden/exec.json"));
    round_trip::<image::InspectResponse>(include_str!("../golden/image-inspect.json"));
    round_trip::<Vec<image::HistoryItem>>(include_str!("../golden/image-history.json"));
    round_trip::<Vec<image::Summary>>(include_str!("../golden/image-list.json"));
    round_trip::<network::Network>(include_str!("../golden/network.json"));
    round_trip::<volume::ListResponse>(include_str!("../golden/volumes.json"));
    round_trip::<event::Message>(include_str!("../golden/event.json"));
    round_trip::<system::Info>(include_str!("../golden/info.json"));
    round_trip::<system::Version>(include_str!("../golden/version.json"));
}

#[test]
fn inspect_can_be_fed_back_to_create() {
    let inspect: container::InspectResponse = round_trip(include_str!("../golden/container-inspect.json"));
    let request = container::CreateRequest {
        config: inspect.config.clone(),
        host_config: Some(inspect.host_config.clone()),
        networking_config: None,
    };
    let again: container::CreateRequest =
        serde_json::from_value(serde_json::to_value(&request).unwrap()).unwrap();
    assert_eq!(again, request);
    assert_eq!(again.config.cmd.as_ref().unwrap().0, ["sleep", "1000"]);
    assert_eq!(again.host_config.unwrap().resources.oom_kill_disable, Some(false));
}

#[test]
fn requests_are_read_as_tolerantly_as_docker_does() {
    let request: container::CreateRequest = serde_json::from_value(json!({
        "Image": "busybox", "Cmd": "ls", "Entrypoint": null, "Tty": null, "Labels": null,
        "Unknown": {"x": 1}, "ExposedPorts": {"80/tcp": null},
        "HostConfig": {"Memory": null, "PortBindings": {"80/tcp": null}, "ConsoleSize": null, "Unknown": []},
        "NetworkingConfig": {"EndpointsConfig": {"bridge": null}},
    }))
    .unwrap();
    assert_eq!(request.config.cmd.unwrap().0, ["ls"]);
    assert_eq!(request.config.labels, StringMap::new());
    assert_eq!(request.host_config.unwrap().port_bindings.unwrap()["80/tcp"], None);
    assert_eq!(request.networking_config.unwrap().endpoints_config["bridge"], None);
}

#[test]
fn mistyped_fields_are_refused() {
    for body in
        [r#"{"Tty":"x"}"#, r#"{"HostConfig":{"Memory":"1"}}"#, r#"{"HostConfig":{"Memory":1.5}}"#, "[]", "{"]
    {
        assert!(serde_json::from_str::<container::CreateRequest>(body).is_err(), "{body}");
    }
}
