//! Semantics 31 to 35: what is kept of logs and events, and from when on it is shown.

use serde_json::{Value, json};
use testkit::wait;

use super::{Engine, filters};

/// A container's log as its file has it.
fn file(engine: &Engine, name: &str) -> Vec<Value> {
    let path = engine.get(&format!("/containers/{name}/json")).json()["LogPath"].clone();
    let text = std::fs::read_to_string(path.as_str().expect("a path")).expect("the log");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn ended(engine: &Engine, name: &str, script: &str) {
    let body = json!({ "Image": "busybox", "Cmd": ["sh", "-c", script] });
    engine.post(&format!("/containers/create?name={name}"), &body);
    engine.post(&format!("/containers/{name}/start"), &Value::Null);
    engine.post(&format!("/containers/{name}/wait"), &Value::Null);
}

#[test]
fn semantics_31_moments_are_seconds_and_nanoseconds() {
    let engine = Engine::new();
    // Lines that are some time apart, so that there is a nanosecond between them.
    ended(&engine, "says", "for word in one two three; do echo $word; usleep 2000; done");
    let lines = file(&engine, "says");
    let second = lines[1]["time"].as_str().expect("a time").to_owned();
    let moment: jiff::Timestamp = second.parse().expect("a time");
    let (seconds, nanoseconds) = (moment.as_second(), moment.subsec_nanosecond());
    let logs = |query: &str| engine.get(&format!("/containers/says/logs?stdout=1&{query}"));
    for (query, wanted) in [
        (format!("since={seconds}.{nanoseconds:09}"), "two three"),
        (format!("since={seconds}.{:09}", nanoseconds + 1), "three"),
        (format!("since={seconds}.{nanoseconds:09}7"), "two three"),
        (format!("until={seconds}.{nanoseconds:09}"), "one two"),
        (format!("until={seconds}.{:09}", nanoseconds - 1), "one"),
        (format!("since={}", seconds + 1000), ""),
        ("since=-1".to_owned(), "one two three"),
        ("since=".to_owned(), "one two three"),
    ] {
        let body = logs(&query).body;
        let words: Vec<String> = body
            .split(|byte| *byte == b'\n')
            .filter_map(|line| Some(String::from_utf8_lossy(line.get(8..)?).into_owned()))
            .collect();
        assert_eq!(words.join(" "), wanted, "{query}");
    }
    for (query, part) in [
        ("since=1.", ""),
        ("since=.5", ""),
        ("since=1.x", "x"),
        ("until=x", "x"),
        ("since=1e3", "1e3"),
        ("since=2026-11-22T14:44:48Z", "2026-11-22T14:44:48Z"),
    ] {
        let text = format!("strconv.ParseInt: parsing {part:?}: invalid syntax");
        engine.is(&logs(query), 400, Some(&text));
    }
    // Clients turn durations and dates into such moments themselves.
    let own = |args: &[&str]| engine.daemon.hythe(["logs"].iter().chain(args).chain(&["says"])).ok();
    assert_eq!(own(&["--since", "1h"]), "one\ntwo\nthree");
    assert_eq!(own(&["--until", "1h"]), "");
    assert_eq!(own(&["--since", &second]), "two\nthree");
    assert_eq!(own(&["--since", "2006-01-02", "--until", &second]), "one\ntwo");
}

#[test]
fn semantics_32_lines_of_the_file_are_pieces_of_16_kib() {
    let engine = Engine::new();
    ended(&engine, "says", "head -c 40000 /dev/zero | tr '\\0' x; echo; echo short; printf rest");
    let lines = file(&engine, "says");
    let shape: Vec<(usize, bool)> = lines
        .iter()
        .map(|line| {
            let text = line["log"].as_str().expect("text");
            (text.len(), text.ends_with('\n'))
        })
        .collect();
    assert_eq!(shape, [(16384, false), (16384, false), (7233, true), (6, true), (4, false)]);
    for line in &lines {
        assert_eq!(line["stream"], "stdout");
        let keys: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["log", "stream", "time"]);
    }
    // Each piece is a frame.
    let body = engine.get("/containers/says/logs?stdout=1&tail=all").body;
    assert_eq!(&body[..8], [1, 0, 0, 0, 0, 0, 0x40, 0]);
    let shown = engine.get("/containers/says/json").json();
    assert_eq!(shown["HostConfig"]["LogConfig"], json!({ "Type": "json-file", "Config": {} }));
    let (id, path) = (shown["Id"].as_str().expect("an ID"), shown["LogPath"].as_str().expect("a path"));
    assert!(path.ends_with(&format!("/containers/{id}/{id}-json.log")), "{path}");
}

#[test]
fn semantics_33_no_log_cannot_be_read() {
    let engine = Engine::new();
    let host = json!({ "LogConfig": { "Type": "none" } });
    let body = json!({ "Image": "busybox", "Cmd": ["echo", "hi"], "HostConfig": host });
    engine.post("/containers/create?name=mute", &body);
    engine.post("/containers/mute/start", &Value::Null);
    engine.post("/containers/mute/wait", &Value::Null);
    engine.is(
        &engine.get("/containers/mute/logs?stdout=1"),
        501,
        Some("configured logging driver does not support reading"),
    );
    assert_eq!(engine.get("/containers/mute/json").json()["LogPath"], json!(""));
}

#[test]
fn semantics_28_and_29_no_end_and_frames_by_version() {
    let engine = Engine::new();
    engine.daemon.hythe(["run", "--name", "talks", "busybox", "echo", "hi"]).ok();
    for (version, kind) in [("1.41", "raw"), ("1.42", "multiplexed")] {
        // The epoch is no end: clients send it for none.
        let path = format!("/v{version}/containers/talks/logs?stdout=1&until=0");
        let text = engine.raw(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        let named = format!("content-type: application/vnd.docker.{kind}-stream\r\n");
        assert!(text.to_lowercase().contains(&named), "{version}: {text}");
        assert!(text.contains("hi\n"), "{version}: {text}");
    }
}

/// The names that containers get from now on, as a client hears of them that listens already.
fn names_told(engine: &Engine) -> impl Iterator<Item = String> + use<> {
    use std::io::{BufRead, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(engine.daemon.socket()).expect("connect");
    stream.set_read_timeout(Some(wait::PATIENCE)).expect("set how long to wait");
    let path = format!("/events?filters={}", filters("event", "rename"));
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("send");
    let mut lines = std::io::BufReader::new(stream).lines().map(|line| line.expect("a line"));
    // The end of the head.
    lines.find(String::is_empty).expect("a head");
    // Sizes of chunks are no objects.
    lines.filter(|line| line.starts_with('{')).map(|line| {
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:.200}"));
        event["Actor"]["Attributes"]["name"].as_str().expect("a name").to_owned()
    })
}

#[test]
fn semantics_35_who_does_not_read_loses_events_and_holds_nobody_up() {
    const RENAMES: usize = 600;
    let engine = Engine::new();
    // What is not read of such events soon fills what the kernel keeps.
    let body = json!({ "Image": "busybox", "Labels": { "long": "x".repeat(60_000) } });
    engine.post("/containers/create?name=n0", &body);
    let (slow, mut fast) = (names_told(&engine), names_told(&engine));
    for n in 0..RENAMES {
        let next = format!("n{}", n + 1);
        engine.is(&engine.post(&format!("/containers/n{n}/rename?name={next}"), &Value::Null), 204, None);
        assert_eq!(fast.next(), Some(next), "who reads misses nothing");
    }
    let last = format!("n{RENAMES}");
    let told: Vec<String> = slow.take_while(|name| *name != last).collect();
    assert!((255..RENAMES - 1).contains(&told.len()), "{} of {RENAMES}: the newest, and not all", told.len());
    assert_eq!(told.last(), Some(&format!("n{}", RENAMES - 1)));
}

#[test]
fn semantics_35_the_last_256_events_are_kept_until_the_daemon_ends() {
    let mut engine = Engine::new();
    engine.post("/containers/create?name=one", &json!({ "Image": "busybox" }));
    for _ in 0..150 {
        for (from, to) in [("one", "two"), ("two", "one")] {
            engine.is(&engine.post(&format!("/containers/{from}/rename?name={to}"), &Value::Null), 204, None);
        }
    }
    let events = |engine: &Engine| {
        let text = engine.get(&format!("/events?since=1&until={}", super::life::soon())).text();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    let kept = events(&engine);
    assert_eq!(kept.len(), 256);
    assert!(kept.iter().all(|event| event["Action"] == "rename"));
    engine.daemon.stop();
    engine.daemon.boot();
    assert_eq!(events(&engine).iter().filter(|event| event["Action"] == "rename").count(), 0);
    // `until` alone replays too.
    engine.post("/containers/one/rename?name=two", &Value::Null);
    let path = format!("/events?until={}&filters={}", super::life::soon(), filters("event", "rename"));
    assert_eq!(engine.get(&path).text().lines().count(), 1);
}
