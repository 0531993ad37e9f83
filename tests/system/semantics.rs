//! Answers of the API that are easy to get wrong, item by item (semantics N is the N-th of the list of such things that the
//! project keeps), each as a running Docker 28.5 was seen to give it. What a command does is tested beside its command.

mod inside;
mod life;
mod logged;
mod made;
mod streams;

use serde_json::{Value, json};
use testkit::{Answer, Api, Daemon, wait};

/// A daemon with a running container `box` that has a label.
struct Engine {
    daemon: Daemon,
    api: Api,
}

impl Engine {
    fn new() -> Self {
        let daemon = Daemon::start();
        let api = daemon.door();
        Self { daemon, api }
    }

    fn with_box() -> Self {
        let engine = Self::new();
        let body = json!({ "Image": "busybox", "Cmd": ["sleep", "1000000"], "StopSignal": "KILL", "Labels": { "a": "<b>&" } });
        engine.is(&engine.post("/containers/create?name=box", &body), 201, None);
        engine.is(&engine.post("/containers/box/start", &Value::Null), 204, None);
        engine
    }

    fn get(&self, path: &str) -> Answer {
        self.api.call("GET", path).expect("an answer")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.api.send("POST", path, "application/json", text.as_bytes()).expect("an answer")
    }

    /// The container's own ID.
    fn id(&self) -> String {
        self.get("/containers/box/json").json()["Id"].as_str().expect("an ID").to_owned()
    }

    #[track_caller]
    fn is(&self, answer: &Answer, status: u16, message: Option<&str>) {
        let have = answer.json()["message"].as_str().map(str::to_owned);
        assert_eq!((answer.status, have.as_deref()), (status, message), "{}", answer.text());
    }

    /// The status line, the headers and the beginning of the body.
    fn raw(&self, request: &str) -> String {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(self.daemon.socket()).expect("connect");
        stream.write_all(request.as_bytes()).expect("send");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn exec(&self, body: &Value) -> String {
        let made = self.post("/containers/box/exec", body);
        made.json()["Id"].as_str().unwrap_or_else(|| panic!("{}", made.text())).to_owned()
    }
}

fn filters(name: &str, value: &str) -> String {
    format!("%7B%22{name}%22%3A%5B%22{value}%22%5D%7D")
}

#[test]
fn semantics_2_and_3_every_answer_says_who_answers() {
    let engine = Engine::new();
    for method in ["GET", "HEAD"] {
        let text = engine.raw(&format!("{method} /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        let lower = text.to_lowercase();
        assert!(lower.starts_with("http/1.1 200 ok\r\n"), "{text}");
        for header in [
            "api-version: 1.51",
            "ostype: linux",
            "docker-experimental: false",
            "swarm: inactive",
            "cache-control: no-cache, no-store, must-revalidate",
            "pragma: no-cache",
            "content-type: text/plain; charset=utf-8",
        ] {
            assert!(lower.contains(&format!("\r\n{header}\r\n")), "{method} {header}: {text}");
        }
        assert!(lower.contains("\r\nserver: ") && lower.contains("(linux)\r\n"), "{text}");
        assert!(lower.contains("\r\nbuilder-version: "), "{text}");
        assert_eq!(text.ends_with("\r\n\r\nOK"), method == "GET", "{text}");
    }
    // Errors too.
    let text = engine
        .raw("GET /containers/nobody/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .to_lowercase();
    assert!(text.starts_with("http/1.1 404") && text.contains("\r\napi-version: 1.51\r\n"), "{text}");
}

#[test]
fn semantics_5_booleans_of_a_query() {
    let engine = Engine::new();
    engine.post("/containers/create?name=idle", &json!({ "Image": "busybox" }));
    for (value, on) in [
        ("", false),
        ("0", false),
        ("no", false),
        ("false", false),
        ("none", false),
        ("NONE", false),
        ("1", true),
        ("yes", true),
        ("True", true),
        ("anything", true),
    ] {
        let list = engine.get(&format!("/containers/json?all={value}")).json();
        assert_eq!(list.as_array().expect("a list").len(), usize::from(on), "{value:?}");
    }
}

#[test]
fn semantics_6_bodies_of_requests() {
    let engine = Engine::new();
    let send = |kind: &str, body: &str| {
        engine.api.send("POST", "/containers/create", kind, body.as_bytes()).expect("an answer")
    };
    engine.is(
        &send("text/plain", "{}"),
        400,
        Some("unsupported Content-Type header (text/plain): must be 'application/json'"),
    );
    engine.is(
        &send("application/json", r#"{"Image":"busybox"} x"#),
        400,
        Some("unexpected content after JSON"),
    );
    engine.is(&send("application/json", r#"{"Image":"busybox""#), 400, Some("invalid JSON: unexpected EOF"));
    engine.is(&send("application/json", ""), 400, Some("invalid JSON: got EOF while reading request body"));
}

#[test]
fn semantics_7_json_as_clients_expect_it() {
    let engine = Engine::with_box();
    let none = filters("name", "nosuch");
    assert_eq!(engine.get(&format!("/containers/json?filters={none}")).text(), "[]\n");
    assert_eq!(
        engine.get(&format!("/volumes?filters={none}")).text(),
        "{\"Volumes\":[],\"Warnings\":null}\n"
    );
    assert_eq!(
        engine.get(&format!("/images/json?filters={}", filters("reference", "nosuch"))).text(),
        "[]\n"
    );
    assert!(engine.get("/containers/json").text().contains(r#""a":"<b>&""#));
    let made = engine.post("/containers/create", &json!({ "Image": "busybox" })).text();
    assert!(made.ends_with("\"Warnings\":[]}\n"), "{made}");
}

#[test]
fn semantics_8_and_9_filters() {
    let engine = Engine::with_box();
    let list = |name: &str, value: &str| {
        engine.get(&format!("/containers/json?all=1&filters={}", filters(name, value)))
    };
    engine.is(&list("nosuch", "x"), 400, Some("invalid filter 'nosuch'"));
    engine.is(&engine.get("/containers/json?filters=xx"), 400, Some("invalid filter"));
    engine.is(
        &list("status", "nosuch"),
        400,
        Some("invalid filter 'status=nosuch': invalid value for state (nosuch): must be one of created, running, paused, restarting, removing, exited, dead"),
    );
    engine.is(
        &list("exited", "x"),
        400,
        Some("invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax"),
    );
    engine.is(&list("before", "nosuch"), 404, Some("No such container: nosuch"));
    // Names by pattern, labels whole or by key.
    for (name, value, found) in [
        ("name", "b.x", 1),
        ("name", "^o", 0),
        ("label", "a", 1),
        ("label", "a=%3Cb%3E%26", 1),
        ("label", "a=b", 0),
    ] {
        assert_eq!(list(name, value).json().as_array().expect("a list").len(), found, "{name}={value}");
    }
    // Both forms.
    let old = engine.get("/containers/json?filters=%7B%22name%22%3A%7B%22box%22%3Atrue%7D%7D");
    assert_eq!(old.json().as_array().expect("a list").len(), 1);
}

#[test]
fn semantics_10_and_11_failures_before_and_in_a_stream() {
    let engine = Engine::new();
    engine.is(
        &engine.post("/images/create?fromImage=NOSUCH", &Value::Null),
        400,
        Some("invalid reference format: repository name (library/NOSUCH) must be lowercase"),
    );
    // What cannot be read as credentials is none.
    let text = engine.raw("POST /images/nosuchimage/push HTTP/1.1\r\nHost: x\r\nX-Registry-Auth: ###\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(
        text.contains(r#"{"status":"The push refers to repository [docker.io/library/nosuchimage]"}"#),
        "{text}"
    );
    let end = "An image does not exist locally with the tag: nosuchimage";
    assert!(text.contains(&format!(r#"{{"errorDetail":{{"message":"{end}"}},"error":"{end}"}}"#)), "{text}");
}

#[test]
fn semantics_12_and_13_an_attach_with_and_without_an_upgrade() {
    let engine = Engine::new();
    for (tty, kind) in [(false, "multiplexed"), (true, "raw")] {
        let name = format!("says{tty}");
        let body = json!({ "Image": "busybox", "Cmd": ["sh", "-c", "read x; echo $x"], "Tty": tty, "OpenStdin": true, "StdinOnce": true });
        engine.post(&format!("/containers/create?name={name}"), &body);
        engine.post(&format!("/containers/{name}/start"), &Value::Null);
        let path =
            format!("POST /containers/{name}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n");
        let text = engine.raw(&format!("{path}Upgrade: tcp\r\nConnection: Upgrade\r\n\r\nhello\n"));
        assert!(text.starts_with("HTTP/1.1 101 UPGRADED\r\n"), "{text}");
        let lower = text.to_lowercase();
        assert!(lower.contains(&format!("content-type: application/vnd.docker.{kind}-stream\r\n")), "{text}");
        assert!(lower.contains("connection: upgrade\r\n") && lower.contains("upgrade: tcp\r\n"), "{text}");
        assert!(text.contains("hello"), "{text}");
        engine.post(&format!("/containers/{name}/start"), &Value::Null);
        // Without one the answer is a plain stream; what a client may send then, Docker itself mostly loses.
        let path = path.replace("stream=1&stdin=1", "logs=1");
        let text = engine.raw(&format!("{path}Connection: close\r\nContent-Length: 0\r\n\r\n"));
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(
            text.to_lowercase().contains("content-type: application/vnd.docker.raw-stream\r\n"),
            "{text}"
        );
    }
}

#[test]
fn semantics_12_and_13_frames_are_named_from_1_42_on() {
    let engine = Engine::with_box();
    for (version, kind) in [("1.41", "raw"), ("1.42", "multiplexed")] {
        let exec = engine.exec(&json!({ "Cmd": ["true"], "AttachStdout": true }));
        for (path, body) in [
            ("containers/box/attach?logs=1&stdout=1".to_owned(), ""),
            (format!("exec/{exec}/start"), r#"{"Detach":false}"#),
        ] {
            let text = engine.raw(&format!(
                "POST /v{version}/{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nUpgrade: tcp\r\n\
                 Connection: Upgrade\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ));
            let named = format!("content-type: application/vnd.docker.{kind}-stream\r\n");
            assert!(text.to_lowercase().contains(&named), "{version} {path}: {text}");
        }
    }
}

#[test]
fn semantics_15_and_69_what_a_paused_container_refuses() {
    let engine = Engine::with_box();
    let id = engine.id();
    engine.is(
        &engine.post("/containers/box/unpause", &Value::Null),
        500,
        Some(&format!("Container {id} is not paused")),
    );
    engine.is(&engine.post("/containers/box/pause", &Value::Null), 204, None);
    let answer = engine.post("/containers/box/attach?stream=1&stdout=1", &Value::Null);
    assert_eq!(
        (
            answer.status,
            answer.text().contains("container box is paused, unpause the container before attach")
        ),
        (409, true)
    );
    engine.is(
        &engine.post("/containers/box/exec", &json!({ "Cmd": ["true"] })),
        409,
        Some("Container box is paused, unpause the container before exec"),
    );
    engine.is(
        &engine.post("/containers/box/start", &Value::Null),
        409,
        Some("cannot start a paused container, try unpause instead"),
    );
    engine.is(
        &engine.post("/containers/box/pause", &Value::Null),
        409,
        Some(&format!("Container {id} is already paused")),
    );
    assert_eq!(engine.get("/containers/box/archive?path=/etc/passwd").status, 200, "cp works");
    // Semantics 44: what is paused is running too.
    let state = engine.get("/containers/box/json").json()["State"].clone();
    assert_eq!(
        [&state["Status"], &state["Running"], &state["Paused"], &state["Restarting"], &state["Dead"]],
        [&json!("paused"), &json!(true), &json!(true), &json!(false), &json!(false)]
    );
}

#[test]
fn semantics_18_an_attach_with_the_log_before_it() {
    let engine = Engine::new();
    let body = json!({ "Image": "busybox", "Cmd": ["sh", "-c", "echo before; read x; echo $x"], "OpenStdin": true, "StdinOnce": true });
    engine.post("/containers/create?name=says", &body);
    engine.post("/containers/says/start", &Value::Null);
    wait::until_true("it has said something", || {
        engine.get("/containers/says/logs?stdout=1").text().contains("before")
    });
    let text = engine.raw("POST /containers/says/attach?logs=1&stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\nafter\n");
    let (before, after) = (text.find("before"), text.find("after"));
    assert!(before.is_some() && before < after, "{text}");
}

#[test]
fn semantics_21_to_25_execs() {
    let engine = Engine::with_box();
    engine.is(
        &engine.post("/containers/box/exec", &json!({ "Cmd": [] })),
        400,
        Some("No exec command specified"),
    );
    engine.is(
        &engine.post("/containers/box/exec", &json!({ "Cmd": ["true"], "User": "nosuch" })),
        400,
        Some("unable to find user nosuch: no matching entries in passwd file"),
    );
    let state = |exec: &str| {
        let shown = engine.get(&format!("/exec/{exec}/json")).json();
        (shown["Running"].clone(), shown["ExitCode"].clone())
    };
    let exec = engine.exec(&json!({ "Cmd": ["sh", "-c", "exit 3"], "AttachStdout": true }));
    assert_eq!(state(&exec), (json!(false), Value::Null));
    engine.post(&format!("/exec/{exec}/start"), &json!({}));
    assert_eq!(state(&exec), (json!(false), json!(3)));
    engine.is(
        &engine.post(&format!("/exec/{exec}/start"), &json!({ "Detach": true })),
        409,
        Some(&format!("exec command {exec} has already run")),
    );
    for (program, code) in [("/nosuch", 127), ("/etc", 126)] {
        let exec = engine.exec(&json!({ "Cmd": [program] }));
        let answer = engine.post(&format!("/exec/{exec}/start"), &json!({ "Detach": true }));
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(
            answer.text().contains("OCI runtime exec failed: exec failed: unable to start container process"),
            "{}",
            answer.text()
        );
        assert_eq!(state(&exec), (json!(false), json!(code)), "{program}");
    }
    // Known as long as its container is.
    engine.is(&engine.post("/containers/box/stop", &Value::Null), 204, None);
    assert_eq!(state(&exec), (json!(false), json!(3)));
    engine.is(
        &engine.post("/containers/box/exec", &json!({ "Cmd": ["true"] })),
        409,
        Some(&format!("container {} is not running", engine.id())),
    );
    engine.api.call("DELETE", "/containers/box").expect("an answer");
    engine.is(
        &engine.get(&format!("/exec/{exec}/json")),
        404,
        Some(&format!("No such exec instance: {exec}")),
    );
}

#[test]
fn semantics_26_sizes_of_terminals() {
    let engine = Engine::with_box();
    for (query, message) in [
        ("h=x&w=1", "invalid resize height \"x\": invalid syntax"),
        ("h=-1&w=1", "invalid resize height \"-1\": value out of range"),
        ("h=1", "invalid resize width \"\": invalid syntax"),
    ] {
        engine.is(&engine.post(&format!("/containers/box/resize?{query}"), &Value::Null), 400, Some(message));
    }
    engine.is(&engine.post("/containers/box/resize?h=10&w=20", &Value::Null), 200, None);
}

#[test]
fn semantics_26_a_size_waits_for_its_exec_to_start_but_not_for_ever() {
    use std::io::{Read, Write};
    let engine = Engine::with_box();
    let sized = "until [ \"$(stty size)\" = '10 20' ]; do sleep 0.02; done; exit 7";
    let exec = engine.exec(&json!({ "Cmd": ["sh", "-c", sized], "Tty": true, "AttachStdout": true }));
    let late = engine.exec(&json!({ "Cmd": ["true"], "Tty": true }));
    let ask = |exec: &str, query: &str| {
        let mut stream = std::os::unix::net::UnixStream::connect(engine.daemon.socket()).expect("connect");
        let head = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        write!(stream, "POST /exec/{exec}/resize?{query} {head}").expect("send");
        stream
    };
    let (mut early, mut never) = (ask(&exec, "h=10&w=20"), ask(&late, "h=10&w=20"));
    // Requests behind it are answered; it is not.
    for _ in 0..20 {
        engine.is(
            &engine.post(&format!("/exec/{exec}/resize?h=x&w=1"), &Value::Null),
            400,
            Some("invalid resize height \"x\": invalid syntax"),
        );
    }
    early.set_nonblocking(true).expect("ask without waiting");
    let error = early.read(&mut [0; 64]).expect_err("it waits for the exec");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    early.set_nonblocking(false).expect("wait");
    engine.is(
        &engine.post(&format!("/exec/{exec}/start"), &json!({ "Detach": true, "Tty": true })),
        200,
        None,
    );
    let mut text = String::new();
    early.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    wait::until_true("the exec has seen its size", || {
        engine.get(&format!("/exec/{exec}/json")).json()["ExitCode"] == json!(7)
    });
    let mut text = String::new();
    never.read_to_string(&mut text).expect("an answer");
    assert!(
        text.starts_with("HTTP/1.1 500 ") && text.contains("timeout waiting for exec session ready"),
        "{text}"
    );
}

#[test]
fn semantics_27_a_client_that_goes_away_leaves_its_exec_running() {
    let engine = Engine::with_box();
    let exec = engine.exec(&json!({ "Cmd": ["sh", "-c", "echo up; until [ -e /end ]; do sleep 0.02; done; exit 7"], "AttachStdout": true }));
    {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(engine.daemon.socket()).expect("connect");
        let body = r#"{"Detach":false}"#;
        let head = format!(
            "POST /exec/{exec}/start HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nUpgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("send");
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("up\n") {
            let mut piece = [0; 256];
            let count = stream.read(&mut piece).expect("the stream");
            assert!(count > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..count]);
        }
    }
    assert_eq!(engine.get(&format!("/exec/{exec}/json")).json()["Running"], json!(true));
    engine.daemon.hythe(["exec", "box", "touch", "/end"]).ok();
    wait::until_true("it has ended by itself", || {
        engine.get(&format!("/exec/{exec}/json")).json()["ExitCode"] == json!(7)
    });
}
