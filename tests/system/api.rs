//! The HTTP door itself: versions, errors, and bodies that make no sense.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use testkit::Daemon;

#[test]
fn versions_are_checked_in_dockers_words() {
    let daemon = Daemon::start();
    assert_eq!(daemon.api("GET", "/_ping", ""), (200, "OK".to_owned()));
    assert_eq!(daemon.api("GET", "/v1.24/containers/json", "").0, 200);
    assert_eq!(daemon.api("GET", "/v1.51/containers/json", ""), (200, "[]\n".to_owned()));
    let (code, body) = daemon.api("GET", "/v1.12/containers/json", "");
    assert_eq!(code, 400);
    assert!(body.contains("client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"), "{body}");
    let (code, body) = daemon.api("GET", "/v1.99/containers/json", "");
    assert_eq!(code, 400);
    assert!(body.contains("client version 1.99 is too new. Maximum supported API version is 1.51"), "{body}");
}

#[test]
fn errors_are_json_with_a_message() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.api("GET", "/containers/nobody/json", ""),
        (404, "{\"message\":\"No such container: nobody\"}\n".to_owned())
    );
    assert_eq!(daemon.api("GET", "/nosuch", ""), (404, "{\"message\":\"page not found\"}\n".to_owned()));
    let bodies = ["{", "[]", "{\"Image\":7}", "{\"Image\":\"busybox\"} trailing", "null"];
    for body in bodies {
        let (code, answer) = daemon.api("POST", "/containers/create", body);
        assert_eq!(code, 400, "{body} -> {answer}");
        assert!(answer.contains("\"message\""), "{answer}");
    }
    let (code, answer) =
        daemon.api("POST", "/containers/create", "{\"Image\":\"busybox\",\"HostConfig\":{\"Memory\":1}}");
    assert_eq!(code, 400, "{answer}");
    assert!(answer.contains("Minimum memory limit allowed is 6MB"), "{answer}");
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
}

/// A body that is no request is refused in the words of Go's decoder, and one that says nothing in Docker's.
#[test]
fn bodies_are_refused_in_dockers_words() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name=runs", "busybox", "sleep", "1000"]).ok();
    let member = "invalid JSON: json: cannot unmarshal";
    for (path, body, expected) in [
        ("/containers/create", "{}", "config cannot be empty in order to create a container".to_owned()),
        ("/containers/create", "null", "config cannot be empty in order to create a container".to_owned()),
        ("/containers/create", "[]", format!("{member} array into Go value of type container.CreateRequest")),
        (
            "/containers/create",
            r#"{"Image":"busybox","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":80}]}}}"#,
            format!(
                "{member} number into Go struct field .HostConfig.PortBindings.80~1tcp.0.HostPort of type string"
            ),
        ),
        (
            "/containers/create",
            r#"{"Image":"busybox",}"#,
            "invalid JSON: invalid character '}' looking for beginning of object key string".to_owned(),
        ),
        (
            "/containers/runs/exec",
            r#"{"Cmd":"ls"}"#,
            format!("{member} string into Go struct field ExecOptions.Cmd of type []string"),
        ),
        ("/containers/runs/exec", "{}", "No exec command specified".to_owned()),
        ("/networks/nosuch/connect", "{}", "invalid name or ID supplied: \"\"".to_owned()),
        ("/networks/nosuch/connect", r#"{"Container":"nobody"}"#, "No such container: nobody".to_owned()),
        ("/networks/bridge/disconnect", "null", "invalid name or ID supplied: \"\"".to_owned()),
        (
            "/volumes/create",
            r#"{"DriverOpts":{"a":1}}"#,
            format!("{member} number into Go struct field CreateOptions.DriverOpts.a of type string"),
        ),
    ] {
        let (_, answer) = daemon.api("POST", path, body);
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["message"], expected, "{path} {body}");
    }
    // One string is a list of capabilities, and a variable without a name is found when the process starts.
    let body = r#"{"Image":"busybox","HostConfig":{"CapAdd":"NET_ADMIN"}}"#;
    assert_eq!(daemon.api("POST", "/containers/create?name=one", body).0, 201);
    assert_eq!(daemon.hythe(["inspect", "--format={{.HostConfig.CapAdd}}", "one"]).ok(), "[NET_ADMIN]");
    let (status, answer) =
        daemon.api("POST", "/containers/runs/exec", r#"{"Cmd":["env"],"AttachStdout":true,"Env":["=x"]}"#);
    assert_eq!(status, 201, "{answer}");
    let id = answer.split('"').nth(3).expect("an id").to_owned();
    let (_, output) = daemon.api("POST", &format!("/exec/{id}/start"), "{}");
    assert!(output.contains("invalid environment variable: name cannot be empty"), "{output}");
    let (_, shown) = daemon.api("GET", &format!("/exec/{id}/json"), "");
    assert!(shown.contains(r#""ExitCode":128"#), "{shown}");
    daemon.hythe(["rm", "-f", "runs", "one"]).ok();
    daemon.check_leaks();
}

/// What Go's server makes of requests that are written by hand: characters that should have been escaped stand for
/// themselves, and a path that is not clean is elsewhere.
#[test]
fn requests_as_people_write_them() {
    let daemon = Daemon::start();
    let filters = r#"/containers/json?all=1&filters={"name":["quoted"]}"#;
    daemon.hythe(["create", "--name=quoted", "busybox"]).ok();
    let mut stream = UnixStream::connect(daemon.socket()).expect("connect");
    let mut answers = BufReader::new(stream.try_clone().expect("a second descriptor"));
    // On one connection, with a body in between that has such characters as well.
    let body = r#"{"Name":"<v>"}"#;
    let requests = [
        (format!("GET {filters} HTTP/1.1\r\nHost: x\r\n\r\n"), "200", "\"/quoted\""),
        (
            format!(
                "POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            ),
            "400",
            "\\\"<v>\\\" includes invalid characters",
        ),
        (format!("GET {filters}<>`# HTTP/1.1\r\nHost: x\r\n\r\n"), "400", "invalid filter"),
        ("GET /containers/\"x\"/json HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "404", "\\\"x\\\""),
    ];
    for (request, status, expected) in requests {
        stream.write_all(request.as_bytes()).expect("send");
        let (line, _, body) = answer(&mut answers);
        assert!(line.contains(status) && body.contains(expected), "{request}: {line} {body}");
    }
    for (method, path, status, location) in [
        ("OPTIONS", "/containers/json", "200", None),
        ("OPTIONS", "/nosuch", "200", None),
        ("OPTIONS", "/v1.12/info", "400", None),
        ("GET", "//containers/json?all=1", "301", Some("/containers/json?all=1")),
        ("POST", "/v1.51//containers/a%20b/../create", "301", Some("/v1.51/containers/create")),
        ("GET", "/v1.51.0/_ping", "200", None),
        ("GET", "/networks/", "200", None),
        ("DELETE", "/containers/", "400", None),
        ("GET", "/containers/a/b/json", "404", None),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("send");
        let (line, headers, body) = answer(&mut answers);
        assert!(line.contains(status), "{method} {path}: {line} {body}");
        let found = headers.iter().find_map(|header| header.strip_prefix("Location: "));
        assert_eq!(found, location, "{method} {path}");
        assert_eq!(body.is_empty(), matches!(status, "200" | "301") && method != "GET" || status == "301");
    }
    for (path, expected) in [
        ("/containers/json?all=%zz", "invalid URL escape \"%zz\""),
        ("/containers/json?a;b", "invalid semicolon separator in query"),
        // Docker does not look at the queries of these.
        ("/containers/nosuch/json?x=%zz", "No such container: nosuch"),
        ("/containers/nosuch/changes?a;b", "No such container: nosuch"),
        ("/exec/nosuch/json?x=%zz", "No such exec instance: nosuch"),
        ("/containers/", "page not found"),
        ("/containers/a/b/json", "No such container: a/b"),
        ("/v1.51.2/info", "client version 1.51.2 is too new. Maximum supported API version is 1.51"),
    ] {
        let (_, body) = daemon.api("GET", path, "");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body["message"], expected, "{path}");
    }
    for path in ["/_ping?x=%zz", "/info?x=%zz", "/version?a;b"] {
        assert_eq!(daemon.api("GET", path, "").0, 200, "{path}");
    }
    let (_, body) = daemon.api("GET", "/containers/quoted/json?x=%zz&size=1", "");
    assert!(body.contains("\"SizeRw\":"), "{body}");
    let old = "client version 1 is too old. Minimum supported API version is 1.24, please upgrade your client to a \
               newer version\n";
    assert_eq!(daemon.api("GET", "/v1/info", ""), (400, old.to_owned()));
    daemon.hythe(["rm", "quoted"]).ok();
    daemon.check_leaks();
}

/// An answer that comes before the request's body has, must not break the client's writing.
#[test]
fn a_refused_body_is_still_read() {
    const LENGTH: usize = 200_000;
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(daemon.socket()).expect("connect");
    let mut answers = BufReader::new(stream.try_clone().expect("a second descriptor"));
    for path in ["/containers/nobody/archive?path=/", "/nosuch"] {
        let head = format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("send the headers");
        assert!(status(&mut answers).starts_with("HTTP/1.1 404"), "{path}");
        stream.write_all(&vec![0; LENGTH]).expect("send the body");
    }
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n").expect("ask on");
    assert!(status(&mut answers).starts_with("HTTP/1.1 200"));
}

/// The status line of the next answer; its headers and body are read as well.
fn status(answers: &mut impl BufRead) -> String {
    answer(answers).0
}

/// The next answer: status line, headers, body.
fn answer(answers: &mut impl BufRead) -> (String, Vec<String>, String) {
    let mut lines = std::iter::from_fn(|| {
        let mut line = String::new();
        answers.read_line(&mut line).expect("an answer");
        Some(line.trim_end().to_owned()).filter(|line| !line.is_empty())
    });
    let first = lines.next().expect("a status line");
    let headers: Vec<String> = lines.collect();
    let length =
        headers.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    answers.read_exact(&mut body).expect("the body");
    (first, headers, String::from_utf8(body).expect("text"))
}

/// Go's decoder, and so Docker, matches names in any case; clients have come to rely on it.
#[test]
fn field_names_match_in_any_case() {
    let daemon = Daemon::start();
    let body = r#"{"image":"busybox","CMD":["sh","-c","echo $A; exec sleep 1000"],"env":["A=1"],"labels":{"Key":"v"},
        "hostConfig":{"memory":16777216,"portbindings":{"80/tcp":[{"hostIP":"127.0.0.1","HOSTPORT":"18080"}]},
        "restartpolicy":{"name":"on-failure","maximumRetryCount":3}},
        "networkingConfig":{"endpointsConfig":{"bridge":{"macaddress":"02:42:ac:11:00:09"}}}}"#;
    let (status, answer) = daemon.api("POST", "/containers/create?name=letters", body);
    assert_eq!(status, 201, "{answer}");
    let shown = daemon.hythe([
        "inspect",
        "--format={{.Config.Image}} {{.Config.Labels}} {{.HostConfig.Memory}} {{.HostConfig.PortBindings}} \
         {{.HostConfig.RestartPolicy}} {{.NetworkSettings.Networks.bridge.MacAddress}}",
        "letters",
    ]);
    assert_eq!(
        shown.ok(),
        "busybox map[Key:v] 16777216 map[80/tcp:[{127.0.0.1 18080}]] {on-failure 3} 02:42:ac:11:00:09"
    );
    daemon.hythe(["start", "letters"]).ok();
    let (status, answer) =
        daemon.api("POST", "/containers/letters/exec", r#"{"cmd":["true"],"attachstdout":true}"#);
    assert_eq!(status, 201, "{answer}");
    let id = answer.split('"').nth(3).expect("an id").to_owned();
    assert_eq!(daemon.api("POST", &format!("/exec/{id}/start"), r#"{"detach":true}"#).0, 200);
    let (status, answer) =
        daemon.api("POST", "/containers/letters/update", r#"{"memory":33554432,"MEMORYSWAP":-1}"#);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(daemon.hythe(["inspect", "--format={{.HostConfig.Memory}}", "letters"]).ok(), "33554432");
    assert_eq!(daemon.api("POST", "/volumes/create", r#"{"name":"vol","LABELS":{"A":"b"}}"#).0, 201);
    assert_eq!(
        daemon.hythe(["volume", "inspect", "--format={{.Name}} {{.Labels}}", "vol"]).ok(),
        "vol map[A:b]"
    );
    let body = r#"{"name":"n","internal":true,"ipam":{"config":[{"subnet":"10.77.0.0/24"}]}}"#;
    assert_eq!(daemon.api("POST", "/networks/create", body).0, 201);
    assert_eq!(
        daemon
            .hythe(["network", "inspect", "--format={{.Internal}} {{(index .IPAM.Config 0).Subnet}}", "n"])
            .ok(),
        "true 10.77.0.0/24"
    );
    assert_eq!(daemon.api("POST", "/networks/n/connect", r#"{"container":"letters"}"#).0, 200);
    // Of a name given twice the last counts; underscores make another name.
    let body = r#"{"Image":"none","image":"busybox","host_config":7,"Memory":1}"#;
    assert_eq!(daemon.api("POST", "/containers/create?name=twice", body).0, 201);
    daemon.hythe(["rm", "-fv", "letters", "twice"]).ok();
    daemon.hythe(["network", "rm", "n"]).ok();
    daemon.hythe(["volume", "rm", "vol"]).ok();
    daemon.check_leaks();
}
