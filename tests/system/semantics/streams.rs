//! Semantics 14 to 20: the streams of an attach.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use testkit::wait;

use super::{Engine, filters};

impl Engine {
    /// A connection that has been upgraded to an attach's stream, or whatever the answer was.
    fn attach(&self, name: &str, query: &str) -> (UnixStream, String) {
        let mut stream = UnixStream::connect(self.daemon.socket()).expect("connect");
        let head = format!(
            "POST /containers/{name}/attach?{query} HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("ask");
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the headers");
            answer.push(char::from(byte[0]));
        }
        (stream, answer)
    }

    fn made(&self, name: &str, more: Value) {
        let mut body = json!({ "Image": "busybox", "OpenStdin": true, "StdinOnce": true });
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        self.is(&self.post(&format!("/containers/create?name={name}"), &body), 201, None);
    }

    fn start(&self, name: &str) {
        self.is(&self.post(&format!("/containers/{name}/start"), &Value::Null), 204, None);
    }

    fn status(&self, name: &str) -> String {
        self.get(&format!("/containers/{name}/json")).json()["State"]["Status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn remove(&self, name: &str) {
        self.api.call("DELETE", &format!("/containers/{name}?force=1")).expect("an answer");
    }
}

/// What comes before the end.
fn rest(stream: &mut UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the stream");
    bytes
}

/// The frames: type and length as they stand in the header, which has nothing else.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((head, tail)) = bytes.split_at_checked(8) {
        assert_eq!(head[1..4], [0, 0, 0], "{head:?}");
        let length = u32::from_be_bytes(head[4..].try_into().expect("four bytes")) as usize;
        found.push((head[0], tail[..length].to_vec()));
        bytes = &tail[length..];
    }
    assert!(bytes.is_empty(), "{bytes:?}");
    found
}

#[test]
fn semantics_14_frames_name_their_stream_and_their_length() {
    let engine = Engine::new();
    // More than 255 and more than 65,535 bytes, so that the order of the length's bytes shows.
    let script = "head -c 70000 /dev/zero | tr '\\0' x; printf err >&2";
    engine.made("says", json!({ "Cmd": ["sh", "-c", script], "OpenStdin": false }));
    let (mut stream, _) = engine.attach("says", "stream=1&stdout=1&stderr=1");
    engine.start("says");
    let live = rest(&mut stream);
    engine.post("/containers/says/wait", &Value::Null);
    let logged = engine.get("/containers/says/logs?stdout=1&stderr=1").body;
    for bytes in [live, logged] {
        let frames = frames(&bytes);
        let of = |kind: u8| -> Vec<u8> {
            frames.iter().filter(|frame| frame.0 == kind).flat_map(|frame| frame.1.clone()).collect()
        };
        assert_eq!((of(1), of(2)), (b"x".repeat(70_000), b"err".to_vec()));
        assert!(frames.iter().all(|frame| matches!(frame.0, 1 | 2)));
    }
}

#[test]
fn semantics_16_the_end_of_input_closes_what_was_for_one_client_only() {
    let engine = Engine::new();
    let script = json!(["sh", "-c", "cat; echo end; echo on"]);
    // For one client and without a terminal: the container's input ends, its output goes on.
    engine.made("one", json!({ "Cmd": script }));
    let (mut stream, _) = engine.attach("one", "stream=1&stdin=1&stdout=1");
    engine.start("one");
    stream.write_all(b"in\n").expect("feed");
    stream.shutdown(Shutdown::Write).expect("half-close");
    let text: Vec<u8> = frames(&rest(&mut stream)).into_iter().flat_map(|frame| frame.1).collect();
    assert_eq!(String::from_utf8_lossy(&text), "in\nend\non\n");
    // For many clients, or with a terminal: only this session ends.
    for (name, more) in [
        ("many", json!({ "Cmd": script, "StdinOnce": false })),
        ("terminal", json!({ "Cmd": script, "Tty": true })),
    ] {
        engine.made(name, more);
        engine.start(name);
        let (mut stream, _) = engine.attach(name, "stream=1&stdin=1&stdout=1");
        stream.write_all(b"in\n").expect("feed");
        // What has come back has been read by the container.
        let mut seen = Vec::new();
        while seen.iter().filter(|byte| **byte == b'\n').count() < 1 + usize::from(name == "terminal") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the echo");
            seen.push(byte[0]);
        }
        stream.shutdown(Shutdown::Write).expect("half-close");
        assert_eq!(String::from_utf8_lossy(&rest(&mut stream)), "", "{name}");
        assert_eq!(engine.status(name), "running", "{name}");
        engine.remove(name);
    }
}

#[test]
fn semantics_17_the_session_of_an_input_for_one_client_ends_after_the_container() {
    let engine = Engine::new();
    // The output is closed long before the end; and the shortest life there is, many times.
    for (script, times) in [("read x; exec >&- 2>&-; read x", 3), ("read x", 30)] {
        for _ in 0..times {
            engine.made("brief", json!({ "Cmd": ["sh", "-c", script] }));
            let (mut stream, _) = engine.attach("brief", "stream=1&stdin=1&stdout=1");
            engine.start("brief");
            stream.write_all(b"1\n2\n").expect("feed");
            assert_eq!(rest(&mut stream), b"");
            assert_eq!(engine.status("brief"), "exited");
            engine.remove("brief");
        }
    }
}

#[test]
fn semantics_19_keys_that_detach() {
    let engine = Engine::new();
    engine.made("held", json!({ "Cmd": ["cat"], "Tty": true, "StdinOnce": false }));
    engine.start("held");
    let told = || {
        let path =
            format!("/events?since=0&until={}&filters={}", super::life::soon(), filters("event", "detach"));
        engine.get(&path).text().lines().count()
    };
    let cases: [(&str, &[u8]); 4] = [
        ("", b"\x10\x11"),
        ("&detachKeys=", b"\x10\x11"),
        ("&detachKeys=ctrl-a", b"\x01"),
        ("&detachKeys=a,b", b"ab"),
    ];
    for (at, (query, keys)) in cases.into_iter().enumerate() {
        let (mut stream, _) = engine.attach("held", &format!("stream=1&stdin=1&stdout=1{query}"));
        stream.write_all(b"x").expect("type");
        // The terminal's echo: only then are the keys not on its heels.
        stream.read_exact(&mut [0]).expect("the echo");
        stream.write_all(keys).expect("type the keys");
        assert_eq!(rest(&mut stream), b"", "{query}");
        wait::until_true("it is told", || told() == at + 1);
    }
    assert_eq!(engine.status("held"), "running");
    let (_, answer) = engine.attach("held", "stream=1&stdin=1&detachKeys=nonsense");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    // Without a terminal they are two bytes like others.
    engine.made("plain", json!({ "Cmd": ["head", "-c", "2"] }));
    engine.start("plain");
    let (mut stream, _) = engine.attach("plain", "stream=1&stdin=1&stdout=1");
    stream.write_all(b"\x10\x11").expect("type");
    assert_eq!(frames(&rest(&mut stream)), [(1, b"\x10\x11".to_vec())]);
    assert_eq!(told(), 4);
}

/// A websocket's whole output for `read x`, which says it on both streams: the sorts of its frames and their text.
fn websocket(engine: &Engine, path: &str) -> Vec<(u8, String)> {
    let mut stream = UnixStream::connect(engine.daemon.socket()).expect("connect");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    // A short frame is masked with zeros, as a client's must be masked with something.
    stream.write_all(&[head.as_bytes(), b"\x81\x83\0\0\0\0hi\n"].concat()).expect("ask");
    let bytes = rest(&mut stream);
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("headers") + 4;
    let mut bytes = &bytes[body..];
    let mut found = Vec::new();
    while let Some((head, tail)) = bytes.split_at_checked(2) {
        let (payload, tail) = tail.split_at(usize::from(head[1]));
        found.push((head[0], String::from_utf8_lossy(payload).into_owned()));
        bytes = tail;
    }
    found
}

#[test]
fn semantics_20_websockets_carry_plain_bytes_of_the_wanted_streams() {
    let engine = Engine::new();
    for (version, query, wanted) in [
        ("1.51", "stdin=1&stdout=1", vec!["out hi\n"]),
        ("1.51", "stdin=1&stderr=1", vec!["err hi\n"]),
        ("1.51", "stdin=1", vec![]),
        ("1.41", "stdin=1&stderr=1", vec!["err hi\n", "out hi\n"]),
        ("1.41", "", vec!["err hi\n", "out hi\n"]),
    ] {
        engine.made("socket", json!({ "Cmd": ["sh", "-c", "read x; echo out $x; echo err $x >&2"] }));
        engine.start("socket");
        let frames = websocket(&engine, &format!("/v{version}/containers/socket/attach/ws?stream=1&{query}"));
        let (last, said) = frames.split_last().expect("a farewell");
        assert_eq!(last.0, 0x88, "{query}");
        assert!(said.iter().all(|frame| frame.0 == 0x82), "binary: {said:?}");
        let mut lines: Vec<String> =
            said.iter().flat_map(|frame| frame.1.split_inclusive('\n')).map(str::to_owned).collect();
        lines.sort_unstable();
        assert_eq!(lines, wanted, "{version} {query}");
        engine.remove("socket");
    }
}
