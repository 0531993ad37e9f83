//! Semantics 28 to 84: logs, events, figures, waiting, the life of a container, what is refused when it is made.
//!
//! A client's mistake is 400 also where Docker 28 says 500 (docs/compatibility.md).

use serde_json::{Value, json};
use testkit::wait;

use super::{Engine, filters};

#[test]
fn semantics_28_and_29_what_logs_are_asked_for() {
    let engine = Engine::with_box();
    engine.is(
        &engine.get("/containers/box/logs"),
        400,
        Some("Bad parameters: you must choose at least one stream"),
    );
    for query in ["tail=xx", "tail=all", "until=0"] {
        assert_eq!(engine.get(&format!("/containers/box/logs?stdout=1&{query}")).status, 200, "{query}");
    }
    let wrong = engine.get("/containers/box/logs?stdout=1&since=xx");
    engine.is(&wrong, 400, Some("strconv.ParseInt: parsing \"xx\": invalid syntax"));
}

#[test]
fn semantics_30_following_what_has_ended_ends() {
    let engine = Engine::new();
    engine.post("/containers/create?name=said", &json!({ "Image": "busybox", "Cmd": ["echo", "hi"] }));
    engine.post("/containers/said/start", &Value::Null);
    engine.post("/containers/said/wait", &Value::Null);
    let answer = engine.get("/containers/said/logs?stdout=1&follow=1");
    assert_eq!(answer.body, b"\x01\0\0\0\0\0\0\x03hi\n");
}

#[test]
fn semantics_36_to_39_events_of_a_life() {
    let engine = Engine::with_box();
    engine.is(&engine.get("/events?since=x"), 400, Some("strconv.ParseInt: parsing \"x\": invalid syntax"));
    engine.post("/containers/box/restart?t=0", &Value::Null);
    let id = engine.id();
    engine.api.call("DELETE", "/containers/box?force=1").expect("an answer");
    // The past: what is in the ring, and the stream ends. By a prefix of the ID.
    let path = format!("/events?since=0&until=1&filters={}", filters("container", &id[..10]));
    assert_eq!(engine.get(&path).text(), "", "nothing is that old");
    let now = soon();
    let path = format!("/events?since=0&until={now}&filters={}", filters("container", &id[..10]));
    let text = engine.get(&path).text();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let actions = events.iter().filter_map(|event| event["Action"].as_str());
    let actions: Vec<&str> = actions.filter(|action| *action != "kill").collect();
    assert_eq!(actions, ["create", "start", "die", "stop", "start", "restart", "die", "destroy"]);
    for event in &events {
        let attributes = &event["Actor"]["Attributes"];
        assert_eq!(
            [&attributes["name"], &attributes["image"], &attributes["a"]],
            [&json!("box"), &json!("busybox"), &json!("<b>&")],
            "{event}"
        );
    }
    let die = events.iter().find(|event| event["Action"] == "die").expect("an end");
    assert_eq!(die["Actor"]["Attributes"]["exitCode"], json!("137"));
    assert!(die["Actor"]["Attributes"]["execDuration"].is_string(), "{die}");
}

/// A second that has not come yet.
pub(super) fn soon() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    now.as_secs() + 1
}

#[test]
fn semantics_40_figures_of_what_runs_and_what_does_not() {
    let engine = Engine::with_box();
    let once = engine.get("/containers/box/stats?stream=0&one-shot=1").json();
    assert_eq!(once["preread"], json!("0001-01-01T00:00:00Z"));
    assert_eq!(once["precpu_stats"]["cpu_usage"]["total_usage"], json!(0));
    assert!(once["memory_stats"]["usage"].as_u64().is_some_and(|usage| usage > 0), "{once}");
    assert_eq!((&once["name"], &once["id"]), (&Value::Null, &Value::Null));
    // Where the kernel has more lines, Docker shows these of them.
    let figures = once["memory_stats"]["stats"].as_object().expect("figures");
    if figures.contains_key("hierarchical_memory_limit") {
        let shown = "active_anon active_file cache dirty hierarchical_memory_limit hierarchical_memsw_limit inactive_anon \
                     inactive_file mapped_file pgfault pgmajfault pgpgin pgpgout rss rss_huge total_active_anon \
                     total_active_file total_cache total_dirty total_inactive_anon total_inactive_file total_mapped_file \
                     total_pgfault total_pgmajfault total_pgpgin total_pgpgout total_rss total_rss_huge \
                     total_unevictable total_writeback unevictable writeback";
        assert_eq!(figures.keys().map(String::as_str).collect::<Vec<_>>().join(" "), shown);
    }
    // Two samples.
    let twice = engine.get("/containers/box/stats?stream=0").json();
    assert_ne!(twice["preread"], json!("0001-01-01T00:00:00Z"));
    engine.post("/containers/box/stop", &Value::Null);
    let none = engine.get("/containers/box/stats?stream=0").json();
    assert_eq!((&none["name"], &none["read"]), (&json!("/box"), &json!("0001-01-01T00:00:00Z")));
    let stopped = engine.get("/containers/box/stats?stream=0&one-shot=1").json();
    assert_eq!(stopped["name"], "/box");
    assert_eq!(none["pids_stats"], json!({}));
}

#[test]
fn semantics_41_and_42_waiting_is_registered_before_the_answer_begins() {
    let engine = Engine::new();
    engine.post(
        "/containers/create?name=brief",
        &json!({ "Image": "busybox", "Cmd": ["sh", "-c", "exit 9"], "HostConfig": { "AutoRemove": true } }),
    );
    let wrong = engine.post("/containers/brief/wait?condition=nosuch", &Value::Null);
    engine.is(&wrong, 400, Some("invalid condition: \"nosuch\""));
    // Not running: at once.
    let now = engine.post("/containers/brief/wait", &Value::Null).json();
    assert_eq!(now["StatusCode"], json!(0));
    // The headers of both are there before it is started, and neither misses what follows.
    use std::io::{BufRead, BufReader, Read, Write};
    let ask = |condition: &str| {
        let mut stream = std::os::unix::net::UnixStream::connect(engine.daemon.socket()).expect("connect");
        let request = format!(
            "POST /containers/brief/wait?condition={condition} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("send");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert_ne!(reader.read_line(&mut line).expect("headers"), 0);
        }
        reader
    };
    let (mut exit, mut removal) = (ask("next-exit"), ask("removed"));
    engine.is(&engine.post("/containers/brief/start", &Value::Null), 204, None);
    for reader in [&mut exit, &mut removal] {
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("an answer");
        assert!(text.contains("\"StatusCode\":9"), "{text}");
    }
}

#[test]
fn semantics_43_processes_as_ps_shows_them() {
    let engine = Engine::with_box();
    let top = engine.get("/containers/box/top").json();
    assert_eq!(top["Titles"], json!(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]));
    assert_eq!(top["Processes"][0][7], json!("sleep 1000000"));
    let top = engine.get("/containers/box/top?ps_args=-o%20pid,comm").json();
    assert_eq!((&top["Titles"], &top["Processes"][0][1]), (&json!(["PID", "COMMAND"]), &json!("sleep")));
    // Not together with a list of processes: all are asked for, and the container's shown.
    let top = engine.get("/containers/box/top?ps_args=-efH").json();
    let rows: Vec<_> = top["Processes"].as_array().into_iter().flatten().map(|row| row[7].clone()).collect();
    assert_eq!(rows, [json!("sleep 1000000")]);
    let wrong = engine.get("/containers/box/top?ps_args=-o%20comm");
    engine.is(&wrong, 500, Some("Couldn't find PID field in ps output"));
    engine.post("/containers/box/stop", &Value::Null);
    let text = format!("container {} is not running", engine.id());
    engine.is(&engine.get("/containers/box/top"), 409, Some(&text));
}

#[test]
fn semantics_45_what_is_so_already_and_what_cannot_be() {
    let engine = Engine::with_box();
    engine.is(&engine.post("/containers/box/start", &Value::Null), 304, None);
    for (path, status, message) in [
        ("kill?signal=NOSUCH", 400, "cannot kill container: box: invalid signal: NOSUCH"),
        ("stop?signal=NOSUCH", 400, "cannot stop container: box: invalid signal: NOSUCH"),
        ("stop?t=x", 400, "strconv.Atoi: parsing \"x\": invalid syntax"),
    ] {
        engine.is(&engine.post(&format!("/containers/box/{path}"), &Value::Null), status, Some(message));
    }
    engine.is(&engine.post("/containers/box/stop", &Value::Null), 204, None);
    engine.is(&engine.post("/containers/box/stop", &Value::Null), 304, None);
    let text = format!("cannot kill container: box: container {} is not running", engine.id());
    engine.is(&engine.post("/containers/box/kill", &Value::Null), 409, Some(&text));
}

#[test]
fn semantics_50_a_start_that_fails_removes_what_is_to_be_removed() {
    let engine = Engine::new();
    let body = json!({ "Image": "busybox", "Cmd": ["/no/such"], "Volumes": { "/v": {} }, "HostConfig": { "AutoRemove": true } });
    engine.post("/containers/create?name=brief", &body);
    assert_eq!(engine.post("/containers/brief/start", &Value::Null).status, 400);
    wait::until_true("it is removed", || engine.get("/containers/brief/json").status == 404);
    wait::until_true("with its volume", || {
        engine.get("/volumes").json()["Volumes"].as_array().is_some_and(Vec::is_empty)
    });
}

#[test]
fn semantics_60_names_that_cannot_be() {
    let engine = Engine::with_box();
    let made = engine.post("/containers/create?name=taken", &json!({ "Image": "busybox" })).json();
    let other = made["Id"].as_str().expect("an ID");
    let conflict = format!(
        "Error when allocating new name: Conflict. The container name \"/taken\" is already in use by container \"{other}\". \
         You have to remove (or rename) that container to be able to reuse that name."
    );
    let allowed = "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed";
    for (name, status, message) in [
        ("", 400, "Neither old nor new names may be empty".to_owned()),
        ("box", 400, "Renaming a container with the same name as its current name".to_owned()),
        ("a", 400, format!("Error when allocating new name: Invalid container name (/a), {allowed}")),
        ("b%20c", 400, format!("Error when allocating new name: Invalid container name (/b c), {allowed}")),
        ("taken", 409, conflict),
    ] {
        let answer = engine.post(&format!("/containers/box/rename?name={name}"), &Value::Null);
        engine.is(&answer, status, Some(&message));
    }
    engine.is(&engine.post("/containers/box/rename?name=/other", &Value::Null), 204, None);
    engine.is(&engine.get("/containers/box/json"), 404, Some("No such container: box"));
}

#[test]
fn semantics_58_65_77_and_84_what_is_refused_when_it_is_made() {
    let engine = Engine::new();
    let create = |body: Value| {
        let mut body = body;
        body["Image"] = "busybox".into();
        engine.post("/containers/create?name=made", &body)
    };
    let health = json!({ "Healthcheck": { "Test": ["CMD", "true"], "Interval": 5 } });
    engine.is(&create(health), 400, Some("Interval in Healthcheck cannot be less than 1ms"));
    engine.is(&create(json!({ "Entrypoint": [""], "Cmd": [] })), 400, Some("no command specified"));
    for (host, status, message) in [
        (json!({ "Memory": 1_048_576 }), 400, "Minimum memory limit allowed is 6MB"),
        (
            json!({ "Memory": 6_291_456, "MemorySwap": 1 }),
            400,
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            json!({ "NanoCpus": 100_000_000, "CpuQuota": 5 }),
            400,
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
        ),
        (json!({ "CapAdd": ["NOSUCH"] }), 400, "invalid CapAdd: unknown capability: \"CAP_NOSUCH\""),
        (json!({ "SecurityOpt": ["nosuch"] }), 400, "invalid --security-opt 1: \"nosuch\""),
    ] {
        engine.is(&create(json!({ "HostConfig": host })), status, Some(message));
    }
    // Both separators, and an entrypoint that drops the image's command.
    let host = json!({ "SecurityOpt": ["label:disable", "no-new-privileges:false", "seccomp=unconfined"] });
    engine.is(&create(json!({ "Entrypoint": ["echo"], "HostConfig": host })), 201, None);
    let shown = engine.get("/containers/made/json").json();
    assert_eq!(
        (&shown["Path"], &shown["Args"], &shown["Config"]["Cmd"]),
        (&json!("echo"), &json!([]), &Value::Null)
    );
}

#[test]
fn semantics_67_and_68_lists_and_updates() {
    let engine = Engine::with_box();
    engine.post("/containers/create?name=idle", &json!({ "Image": "busybox" }));
    let names = |query: &str| -> Vec<String> {
        let list = engine.get(&format!("/containers/json?{query}")).json();
        let list = list.as_array().unwrap_or_else(|| panic!("{list}")).clone();
        list.iter().map(|one| one["Names"][0].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names("all=1"), ["/idle", "/box"], "the newest first");
    assert_eq!(names("limit=1"), ["/idle"], "a limit means all states");
    assert_eq!(names(&format!("filters={}", filters("status", "created"))), ["/idle"], "a status too");
    assert_eq!(names(&format!("all=1&filters={}", filters("before", "idle"))), ["/box"]);
    engine.is(
        &engine.get("/containers/json?limit=x"),
        400,
        Some("strconv.Atoi: parsing \"x\": invalid syntax"),
    );
    let list = engine.get("/containers/json").json();
    assert!(list[0].get("SizeRw").is_none(), "sizes are asked for");
    let update = |body: Value| engine.post("/containers/box/update", &body);
    assert_eq!(update(json!({ "PidsLimit": -5 })).text(), "{\"Warnings\":null}\n");
    assert_eq!(engine.get("/containers/box/json").json()["HostConfig"]["PidsLimit"], json!(0));
    engine.is(
        &update(json!({ "RestartPolicy": { "Name": "nosuch" } })),
        400,
        Some("invalid restart policy: unknown policy 'nosuch'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"),
    );
}
