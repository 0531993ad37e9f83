//! Answers that differed from Docker 28.5's when the same command lines were run against both.

use serde_json::{Value, json};
use testkit::{Answer, Daemon, Output};

fn post(daemon: &Daemon, path: &str, body: &Value) -> Answer {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    daemon.door().send("POST", path, "application/json", text.as_bytes()).expect("an answer")
}

#[track_caller]
fn refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status, answer.json()["message"].as_str()), (status, Some(text)), "{}", answer.text());
}

fn create(daemon: &Daemon, name: &str, more: Value) -> Answer {
    let mut body = json!({ "Image": "busybox", "Cmd": ["sleep", "1000"], "StopSignal": "KILL" });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    post(daemon, &format!("/containers/create?name={name}"), &body)
}

#[test]
fn what_is_refused_in_which_words() {
    let daemon = Daemon::start();
    assert_eq!(create(&daemon, "box", json!({})).status, 201);
    let restart = post(&daemon, "/containers/box/restart?signal=NOSUCH", &Value::Null);
    assert_eq!(restart.status, 204, "what does not run gets no signal");
    let restart = post(&daemon, "/containers/box/restart?signal=NOSUCH", &Value::Null);
    refused(&restart, 400, "Cannot restart container box: invalid signal: NOSUCH");
    for changes in ["changes=", "changes=%23%20a%20comment"] {
        let commit = post(&daemon, &format!("/commit?container=box&repo=made&{changes}"), &Value::Null);
        refused(&commit, 400, "file with no instructions");
    }
    let path = "/containers/box/archive?path=/tmp";
    let put = daemon.door().send("PUT", path, "application/x-tar", b"no tar at all").expect("an answer");
    assert_eq!(put.json()["message"], "unexpected EOF", "{}", put.text());
    // The stock client says so too, after a complaint of its own tar writer.
    assert_eq!(daemon.hythe(["cp", "/etc/hostname", "box:"]).fails_with(1), "no such directory");
    let networks = |mode: &str| {
        let networking = json!({ "EndpointsConfig": { mode: {}, "bridge": {} } });
        json!({ "HostConfig": { "NetworkMode": mode }, "NetworkingConfig": networking })
    };
    refused(
        &create(&daemon, "wrong", networks("none")),
        400,
        "failed to set up container networking: container cannot be connected to multiple networks with one of the networks \
         in private (none) mode",
    );
    refused(
        &create(&daemon, "wrong", networks("host")),
        400,
        "failed to set up container networking: container sharing network namespace with another container or host cannot be \
         connected to any other network",
    );
    let host = json!({ "NetworkMode": "host", "Sysctls": { "net.ipv4.ip_forward": "1" } });
    assert_eq!(create(&daemon, "sysctl", json!({ "HostConfig": host })).status, 201);
    refused(
        &post(&daemon, "/containers/sysctl/start", &Value::Null),
        400,
        "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: \
         sysctl \"net.ipv4.ip_forward\" not allowed in host network namespace",
    );
}

#[test]
fn lists_by_ports_and_sets_without_items() {
    let daemon = Daemon::start();
    for (name, flags) in [("fixed", &["-p", "18085:80"][..]), ("exposed", &["--expose", "80"])] {
        let run = ["run", "-d", "--name", name];
        daemon.hythe(run.iter().chain(flags).chain(&["busybox", "sleep", "1000"])).ok();
    }
    daemon.hythe(["create", "--name", "idle", "-p", "18086:80", "busybox"]).ok();
    let names = |filter: &str| daemon.hythe(["ps", "-a", "--filter", filter, "--format", "{{.Names}}"]).ok();
    assert_eq!(names("publish=18085"), "fixed");
    assert_eq!(names("publish=18000-18085/tcp"), "fixed");
    assert_eq!(names("publish=80"), "", "a port of the host is meant");
    assert_eq!(names("expose=80"), "exposed\nfixed", "of those that run");
    let health = json!({ "Test": [], "Interval": 5_000_000_000_u64 });
    assert_eq!(
        create(
            &daemon,
            "bare",
            json!({ "Volumes": {}, "Shell": [], "ExposedPorts": {}, "Healthcheck": health })
        )
        .status,
        201
    );
    let config =
        daemon.door().call("GET", "/containers/bare/json").expect("an answer").json()["Config"].clone();
    assert_eq!(config["Volumes"], Value::Null);
    assert_eq!(config["Healthcheck"], json!({ "Interval": 5_000_000_000_u64 }));
    for key in ["Shell", "ExposedPorts"] {
        assert!(config.get(key).is_none(), "{key}: {config}");
    }
}

#[test]
fn an_unknown_filter_of_events_filters_nothing() {
    let daemon = Daemon::start();
    let flags = ["events", "--since=1h", "--until=0s", "--format={{.Action}}"];
    let told = daemon.hythe(flags.iter().chain(&["--filter=nosuch=x", "--filter=type=image"])).ok();
    assert_eq!(told, "load");
}

#[test]
fn an_archive_of_no_images_is_one() {
    let daemon = Daemon::start();
    let answer = daemon.door().call("GET", "/images/get").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let archive = daemon.scratch().join("empty.tar");
    std::fs::write(&archive, &answer.body).expect("write");
    let archive = archive.to_str().expect("a plain path");
    let list = Output::of(&mut daemon.sandbox().command("tar", ["-tf", archive])).ok();
    for name in ["index.json", "manifest.json", "oci-layout"] {
        assert!(list.lines().any(|line| line == name), "{list}");
    }
    daemon.hythe(["load", "-i", archive]).ok();
}

#[test]
fn what_was_told_differently_of_execs_images_and_builds() {
    let daemon = Daemon::start();
    assert_eq!(create(&daemon, "box", json!({})).status, 201);
    assert_eq!(post(&daemon, "/containers/box/start", &Value::Null).status, 204);
    for (keys, shown) in [("ctrl-a,x", "AXg="), ("", "")] {
        let body = json!({ "Cmd": ["true"], "DetachKeys": keys });
        let id =
            post(&daemon, "/containers/box/exec", &body).json()["Id"].as_str().expect("an id").to_owned();
        let seen = daemon.door().call("GET", &format!("/exec/{id}/json")).expect("an answer").json();
        assert_eq!(seen["DetachKeys"], shown, "{seen}");
    }
    assert_eq!(post(&daemon, "/commit?container=box&repo=made", &Value::Null).status, 201);
    let version = daemon.door().call("GET", "/version").expect("an answer").json()["Version"].clone();
    let seen = daemon.door().call("GET", "/images/made/json").expect("an answer").json();
    assert_eq!(seen["DockerVersion"], version);
    let pruned = post(&daemon, "/build/prune", &Value::Null);
    assert_eq!(pruned.status, 200, "{}", pruned.text());
    let flags =
        ["events", "--since=1h", "--until=0s", "--filter=type=builder", "--format={{.Action}} {{.Actor}}"];
    assert_eq!(daemon.hythe(flags).ok(), "prune { map[reclaimed:0]}");
    daemon.hythe(["rm", "-f", "box"]).ok();
    daemon.hythe(["rmi", "made"]).ok();
}

#[test]
fn paths_of_a_containers_files_are_told_once_a_start_was_tried() {
    let daemon = Daemon::start();
    assert_eq!(create(&daemon, "box", json!({ "Cmd": ["nosuch"] })).status, 201);
    let seen = || daemon.door().call("GET", "/containers/box/json").expect("an answer").json();
    let paths = ["HostnamePath", "HostsPath", "LogPath", "ResolvConfPath"];
    let before = seen();
    assert!(paths.iter().all(|path| before[path] == ""), "{before}");
    assert_eq!(post(&daemon, "/containers/box/start", &Value::Null).status, 400);
    let (after, dir) = (seen(), daemon.data().join("containers").display().to_string());
    assert!(paths.iter().all(|path| after[path].as_str().is_some_and(|at| at.starts_with(&dir))), "{after}");
    daemon.hythe(["rm", "box"]).ok();
}
