//! Attached sessions: the order of requests, half close, exit codes, signals.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc;

use crate::engine::{Engine, Request, frame, json, upgrade};

/// An engine whose containers do `attached` with their stream, and end with `code` when that returns.
fn container(code: i64, attached: impl Fn(&mut UnixStream) + Send + Sync + 'static) -> Engine {
    let (ended, end) = mpsc::channel::<()>();
    let (ended, end) = (Mutex::new(ended), Mutex::new(end));
    Engine::new("1.51", move |request, stream| match request.line.as_str() {
        "POST /containers/create" => json(stream, 201, r#"{"Id":"abc","Warnings":["careful"]}"#),
        "POST /containers/abc/attach" => {
            upgrade(stream);
            attached(stream);
            stream.shutdown(Shutdown::Both).unwrap();
            ended.lock().unwrap().send(()).unwrap();
        }
        "POST /containers/abc/wait" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
            end.lock().unwrap().recv().unwrap();
            let body = format!("{{\"StatusCode\":{code}}}");
            write!(stream, "{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).unwrap();
        }
        "POST /containers/abc/start" => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(),
        _ => json(stream, 404, r#"{"message":"not in the script"}"#),
    })
}

#[test]
fn run_attaches_and_waits_before_it_starts() {
    let engine = container(3, |stream| {
        stream.write_all(&[frame(1, b"to output\n"), frame(2, b"to error\n")].concat()).unwrap();
    });
    let output = engine.run(&["run", "--rm", "img", "cmd", "-x"], b"");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "to output\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "WARNING: careful\nto error\n");
    assert_eq!(
        engine.lines(),
        [
            "POST /containers/create",
            "POST /containers/abc/attach",
            "POST /containers/abc/wait",
            "POST /containers/abc/start"
        ]
    );
    let wait = engine.seen().into_iter().find(|request| request.line.ends_with("/wait")).unwrap();
    assert!(wait.target.ends_with("?condition=removed"), "{}", wait.target);
}

#[test]
fn the_end_of_input_is_passed_on_while_output_goes_on() {
    let engine = container(0, |stream| {
        let mut input = Vec::new();
        stream.read_to_end(&mut input).unwrap();
        stream.write_all(&frame(1, &[b"got ", &input[..]].concat())).unwrap();
    });
    let output = engine.run(&["run", "-i", "img"], b"some input");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"got some input");
}

#[test]
fn bulk_goes_both_ways() {
    let engine = container(0, |stream| {
        let mut input = Vec::new();
        stream.read_to_end(&mut input).unwrap();
        for part in input.chunks(7000) {
            stream.write_all(&frame(1, part)).unwrap();
        }
    });
    let input: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    assert_eq!(engine.run(&["run", "-i", "img"], &input).stdout, input);
}

#[test]
fn semantics_57_all_signals_but_the_clients_own_are_sent_on() {
    use rustix::process::{Pid, Signal, kill_process};
    let (killed, kill) = mpsc::channel::<String>();
    let (over, end) = mpsc::channel::<()>();
    let (killed, end) = (Mutex::new(killed), Mutex::new(end));
    let engine = Engine::new("1.51", move |request: &Request, stream| match request.line.as_str() {
        "POST /containers/create" => json(stream, 201, r#"{"Id":"abc"}"#),
        "POST /containers/abc/attach" => {
            upgrade(stream);
            stream.write_all(&frame(1, b"ready\n")).unwrap();
            end.lock().unwrap().recv().unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
        }
        "POST /containers/abc/wait" => json(stream, 200, r#"{"StatusCode":5}"#),
        "POST /containers/abc/kill" => {
            let (_, signal) = request.target.split_once("signal=").unwrap();
            killed.lock().unwrap().send(signal.to_owned()).unwrap();
            json(stream, 200, "");
        }
        _ => json(stream, 200, ""),
    });
    let mut child =
        engine.hythe(&["run", "img"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 6]).unwrap();
    let pid = Pid::from_child(&child);
    // Each but the first is waited for: nothing is in between that was sent for CHLD, PIPE and URG.
    for private in [Signal::CHILD, Signal::PIPE, Signal::URG] {
        kill_process(pid, private).unwrap();
    }
    for (signal, name) in [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::USR1, "USR1"),
        (Signal::CONT, "CONT"),
        (Signal::WINCH, "WINCH"),
        (Signal::TERM, "TERM"),
    ] {
        kill_process(pid, signal).unwrap();
        assert_eq!(kill.recv().unwrap(), name);
    }
    over.send(()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
}

#[test]
fn semantics_14_a_frame_of_the_third_type_is_the_engines_error() {
    let engine = Engine::new("1.51", |request, stream| match request.line.as_str() {
        "GET /containers/c/json" => json(stream, 200, r#"{"Id":"c","Config":{"Tty":false}}"#),
        "GET /containers/c/logs" => {
            let frames = [frame(1, b"one\n"), frame(3, b"it broke"), frame(1, b"two\n")].concat();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            stream.write_all(&frames).unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
        }
        _ => json(stream, 404, r#"{"message":"not in the script"}"#),
    });
    let output = engine.run(&["logs", "c"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "error from daemon in stream: it broke\n");
}

#[test]
fn a_signal_is_sent_on_to_the_container() {
    let (told, tell) = mpsc::channel::<()>();
    let (killed, kill) = mpsc::channel::<String>();
    let (told, killed, kill) = (Mutex::new(told), Mutex::new(killed), Mutex::new(kill));
    let engine = Engine::new("1.51", move |request: &Request, stream| match request.line.as_str() {
        "POST /containers/create" => json(stream, 201, r#"{"Id":"abc"}"#),
        "POST /containers/abc/attach" => {
            upgrade(stream);
            stream.write_all(&frame(1, b"ready\n")).unwrap();
            let signal = kill.lock().unwrap().recv().unwrap();
            stream.write_all(&frame(1, signal.as_bytes())).unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
            told.lock().unwrap().send(()).unwrap();
        }
        "POST /containers/abc/wait" => json(stream, 200, r#"{"StatusCode":143}"#),
        "POST /containers/abc/kill" => {
            killed.lock().unwrap().send(request.target.clone()).unwrap();
            json(stream, 200, "");
        }
        _ => json(stream, 200, ""),
    });
    let mut child =
        engine.hythe(&["run", "img"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut ready = [0; 6];
    output.read_exact(&mut ready).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    tell.recv().unwrap();
    assert!(rest.ends_with("/containers/abc/kill?signal=TERM"), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_command_that_cannot_be_started_has_its_own_exit_codes() {
    for (message, code) in [
        (r#"exec: \"x\": executable file not found in $PATH"#, 127),
        (r#"exec: \"/etc\": is a directory"#, 126),
        ("something else", 125),
    ] {
        let engine = Engine::new("1.51", move |request, stream| match request.line.as_str() {
            "POST /containers/create" => json(stream, 201, r#"{"Id":"abc"}"#),
            "POST /containers/abc/attach" => {
                upgrade(stream);
                stream.shutdown(Shutdown::Both).unwrap();
            }
            "POST /containers/abc/start" => json(stream, 400, &format!("{{\"message\":\"{message}\"}}")),
            _ => json(stream, 200, r#"{"StatusCode":0}"#),
        });
        let output = engine.run(&["run", "img", "x"], b"");
        assert_eq!(output.status.code(), Some(code));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.starts_with("hythe: Error response from daemon: "), "{text}");
        assert!(text.ends_with("\n\nRun 'hythe run --help' for more information\n"), "{text}");
    }
}

#[test]
fn exec_ends_as_its_process() {
    let engine = Engine::new("1.51", |request, stream| match request.line.as_str() {
        "POST /containers/c/exec" => json(stream, 201, r#"{"Id":"e"}"#),
        "POST /exec/e/start" => {
            upgrade(stream);
            stream.write_all(&frame(2, b"oops")).unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
        }
        "GET /exec/e/json" => json(stream, 200, r#"{"ID":"e","Running":false,"ExitCode":42}"#),
        _ => json(stream, 404, "{}"),
    });
    let output = engine.run(&["exec", "c", "ls", "-l"], b"");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(42), &b"oops"[..]));
    let create = engine.seen().remove(0);
    let body: serde_json::Value = serde_json::from_slice(&create.body).unwrap();
    assert_eq!(body["Cmd"], serde_json::json!(["ls", "-l"]));
}

#[test]
fn the_cid_file_goes_again_when_the_container_is_not_made() {
    let engine = Engine::new("1.51", |_, stream| json(stream, 409, r#"{"message":"name taken"}"#));
    let file = engine.directory.path().join("cid");
    let output = engine.run(&["create", "--cidfile", file.to_str().unwrap(), "img"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "Error response from daemon: name taken\n");
    assert!(!file.exists());
}
