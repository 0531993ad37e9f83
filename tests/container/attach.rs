//! `attach`: joining a container's streams, and leaving them again.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use testkit::{Daemon, Output, wait};

#[test]
fn sees_output_from_now_on_and_the_exit_status() {
    let daemon = Daemon::start();
    daemon
        .hythe(["create", "-i", "--name", "echo", "busybox", "sh", "-c", "read line; echo got $line; exit 4"])
        .ok();
    let file = daemon.scratch().join("input");
    std::fs::write(&file, "hello\n").expect("write");
    let mut start = daemon.hythe_command(["start", "-a", "-i", "echo"]);
    let output = Output::of(start.stdin(std::fs::File::open(&file).expect("open")));
    assert_eq!((output.code, output.stdout.as_str()), (4, "got hello\n"), "{output:?}");
}

#[test]
fn detach_keys_leave_the_container_running() {
    let daemon = Daemon::start();
    let line = format!("{} run -it --name held busybox sh", testkit::program("hythe").display());
    // `script` gives the client a terminal. The prompt shows that the session stands and the terminal is raw; only then
    // are control characters keys and not the line discipline's.
    let mut client = daemon
        .client("script", ["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start script");
    let mut seen = Vec::new();
    let mut output = client.stdout.take().expect("piped");
    while !seen.ends_with(b"/ # ") {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte).expect("read"), 1, "{}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
        // Busybox asks the terminal where the cursor is; a person's terminal would answer.
        if seen.ends_with(b"\x1b[6n") {
            seen.truncate(seen.len() - 4);
        }
    }
    let mut keys = client.stdin.take().expect("piped");
    keys.write_all(b"\x10\x11").expect("type");
    assert!(client.wait().expect("reap script").success());
    drop(keys);
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Running}}", "held"]).ok(), "true");
}

#[test]
fn of_a_stopped_container_is_an_error() {
    let daemon = Daemon::start();
    daemon.hythe(["create", "--name", "idle", "busybox"]).ok();
    let error = daemon.hythe(["attach", "idle"]).fails_with(1);
    assert!(error.contains("cannot attach to a stopped container, start it first"), "{error}");
}

/// A websocket of an attach, after its handshake.
fn websocket(daemon: &Daemon, path: &str) -> UnixStream {
    let mut stream = UnixStream::connect(daemon.socket()).expect("connect");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("ask");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// Sends a short frame, masked with zeros as a client's must be masked with something.
fn send_frame(stream: &mut UnixStream, first: u8, payload: &[u8]) {
    let length = u8::try_from(payload.len()).expect("short");
    let frame = [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat();
    stream.write_all(&frame).expect("send a frame");
}

/// The first byte and the payload of the next frame.
fn next_frame(stream: &mut UnixStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    let mut payload = vec![0; usize::from(head[1])];
    stream.read_exact(&mut payload).expect("the payload");
    (head[0], payload)
}

/// Frames as Docker 28.5 sends them: text before 1.28, a farewell with the code 1000; the client's ends the input.
#[test]
fn a_websocket_ends_with_a_farewell() {
    const CLOSE: u8 = 0x88;
    let daemon = Daemon::start();
    let body = r#"{"Image":"busybox","Cmd":["cat"],"OpenStdin":true,"StdinOnce":true}"#;
    for (version, sort) in [("1.51", 0x82), ("1.28", 0x82), ("1.27", 0x81)] {
        assert_eq!(daemon.api("POST", "/containers/create?name=socket", body).0, 201);
        daemon.hythe(["start", "socket"]).ok();
        let path = format!("/v{version}/containers/socket/attach/ws?stream=1&stdin=1&stdout=1");
        let mut stream = websocket(&daemon, &path);
        send_frame(&mut stream, 0x81, b"hello\n");
        assert_eq!(next_frame(&mut stream), (sort, b"hello\n".to_vec()), "{version}");
        let farewell = 1000_u16.to_be_bytes();
        send_frame(&mut stream, CLOSE, &farewell);
        assert_eq!(next_frame(&mut stream), (CLOSE, farewell.to_vec()), "{version}");
        assert_eq!(daemon.hythe(["wait", "socket"]).ok(), "0");
        daemon.hythe(["rm", "socket"]).ok();
    }
    // Nothing to stream: only the log.
    daemon.hythe(["run", "-d", "--name", "loud", "busybox", "sh", "-c", "echo once; exec sleep 1000"]).ok();
    wait::until_true("the line is logged", || daemon.hythe(["logs", "loud"]).ok() == "once");
    let mut stream = websocket(&daemon, "/containers/loud/attach/ws?logs=1&stdout=1");
    assert_eq!(next_frame(&mut stream), (0x82, b"once\n".to_vec()));
    assert_eq!(next_frame(&mut stream), (CLOSE, 1000_u16.to_be_bytes().to_vec()));
    daemon.hythe(["rm", "-f", "loud"]).ok();
}
