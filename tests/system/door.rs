//! Connections as clients of all kinds use them: hung up, half closed, taken over, encrypted.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use testkit::{Daemon, Options, Output, wait};

/// A connection on which `request` (without its last empty line) has been sent.
fn send(daemon: &Daemon, request: &str) -> UnixStream {
    let mut stream = UnixStream::connect(daemon.socket()).expect("connect");
    stream.write_all(request.as_bytes()).expect("send");
    stream.write_all(b"\r\nHost: d\r\n\r\n").expect("send");
    stream
}

/// Reads until the headers are whole; what came with them comes too.
fn headers(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    while !text.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).expect("read");
        assert_ne!(length, 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn id_of(answer: &(u16, String)) -> String {
    let value: serde_json::Value = serde_json::from_str(&answer.1).expect("JSON");
    value["Id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

fn exec(daemon: &Daemon, container: &str) -> String {
    let body = r#"{"Cmd":["echo","hi"],"AttachStdout":true,"AttachStderr":true}"#;
    id_of(&daemon.api("POST", &format!("/containers/{container}/exec"), body))
}

#[test]
fn clients_that_hang_up_leave_nothing_behind() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "quiet", "busybox", "sleep", "1000"]).ok();
    let links = || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("the daemon's files");
        fds.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok()).collect::<Vec<_>>()
    };
    // The namespace that the container has taken is being replaced, which takes descriptors too: four ready ones, and
    // the daemon's own.
    let namespaces = || links().iter().filter(|link| link.to_string_lossy().starts_with("net:")).count();
    wait::until_true("the pool of namespaces is full", || namespaces() == 5);
    let open = || links().len();
    let before = open();
    for _ in 0..5 {
        for request in [
            "GET /events HTTP/1.1",
            "GET /containers/quiet/logs?follow=1&stdout=1 HTTP/1.1",
            "GET /containers/quiet/stats HTTP/1.1",
            "POST /containers/quiet/wait HTTP/1.1",
        ] {
            let head = headers(&mut send(&daemon, request));
            assert!(head.starts_with("HTTP/1.1 200 OK"), "{request}: {head}");
        }
    }
    wait::until_true("no connection is left", || open() <= before);
}

#[test]
fn a_client_that_has_closed_its_side_still_gets_its_answer() {
    let daemon = Daemon::start();
    let mut stream = send(&daemon, "GET /containers/json HTTP/1.0");
    stream.shutdown(Shutdown::Write).expect("shut down");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    assert!(answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with("\r\n\r\n[]\n"), "{answer}");
}

/// docker-py loses what comes in one piece with the headers, so nothing may.
#[test]
fn docker_py_gets_the_headers_of_an_exec_alone() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    for _ in 0..10 {
        let id = exec(&daemon, "cc");
        let request = format!(
            "POST /exec/{id}/start HTTP/1.1\r\nUser-Agent: docker-sdk-python/7.1.0\r\nConnection: Upgrade\r\n\
             Upgrade: tcp\r\nContent-Length: 0"
        );
        let mut stream = send(&daemon, &request);
        let head = headers(&mut stream);
        assert!(head.starts_with("HTTP/1.1 101 UPGRADED") && head.ends_with("\r\n\r\n"), "{head:?}");
        let mut output = Vec::new();
        stream.read_to_end(&mut output).expect("read");
        assert_eq!(output, b"\x01\0\0\0\0\0\0\x03hi\n");
    }
}

#[test]
fn a_second_start_of_an_exec_is_told_in_its_stream() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    let id = exec(&daemon, "cc");
    let start = |body: &str| daemon.api("POST", &format!("/exec/{id}/start"), body);
    assert_eq!(start("{}"), (200, "\x01\0\0\0\0\0\0\x03hi\n".to_owned()));
    // Its output may end before its end is known.
    wait::until_true("its end is known", || {
        daemon.api("GET", &format!("/exec/{id}/json"), "").1.contains("\"Running\":false")
    });
    let (code, output) = start("{}");
    assert_eq!(code, 200);
    assert!(output.ends_with(&format!("exec command {id} has already run\r\n")), "{output:?}");
    assert_eq!(start(r#"{"Detach":true}"#).0, 409);
}

#[test]
fn over_tls_only_clients_with_a_certificate_get_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    certificates(dir.path());
    let flags = [
        "--host=tcp://127.0.0.1:2376".to_owned(),
        "--tlsverify".to_owned(),
        format!("--tlscacert={}", path("ca.pem")),
        format!("--tlscert={}", path("server.pem")),
        format!("--tlskey={}", path("server-key.pem")),
    ];
    let daemon = Daemon::with(Options { flags: flags.into(), images: vec!["busybox"], ..Options::default() });
    let url = "https://127.0.0.1:2376/_ping";
    let ca = path("ca.pem");
    let stranger = daemon.sandbox().command("curl", ["-s", "--cacert", &ca, url]).output().expect("curl");
    assert!(!stranger.status.success() && stranger.stdout.is_empty(), "{stranger:?}");
    let (certificate, key) = (path("client.pem"), path("client-key.pem"));
    let friend = ["-s", "--cacert", &ca, "--cert", &certificate, "--key", &key, url];
    assert_eq!(Output::of(&mut daemon.sandbox().command("curl", friend)).ok(), "OK");
    // Who forgot about it is told so.
    for client in testkit::skip::clients("the words for a client without TLS") {
        let program = if *client == "hythe" { testkit::program(client) } else { client.into() };
        let mut command = daemon.client(program, ["-H", "tcp://127.0.0.1:2376", "ps"]);
        let told = Output::of(command.env_remove("DOCKER_HOST"));
        let words = "Error response from daemon: Client sent an HTTP request to an HTTPS server.";
        assert_eq!((told.code, told.stderr.trim_end()), (1, words), "{client}");
    }
    // A hijacked connection is relayed, since its descriptor carries encrypted bytes.
    let tls = ["-H", "tcp://127.0.0.1:2376", "--tlsverify", "--tlscacert", &ca, "--tlscert", &certificate];
    let run = ["--tlskey", &key, "run", "-i", "--rm", "busybox", "cat"];
    let mut command = daemon.client("docker", tls.into_iter().chain(run));
    let input = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(input.path(), "through and back").expect("write");
    command.env_remove("DOCKER_HOST").stdin(input.reopen().expect("open"));
    assert_eq!(Output::of(&mut command).ok(), "through and back");
}

/// An authority, and a certificate of it for either side.
pub(crate) fn certificates(dir: &std::path::Path) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).expect("write");
    let key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    // With the name that the others get too, it would look like their own signature.
    authority.distinguished_name.push(DnType::CommonName, "authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", authority.self_signed(&key).expect("a certificate").pem());
    let issuer = Issuer::new(authority, key);
    for side in ["server", "client"] {
        let key = KeyPair::generate().expect("a key");
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = CertificateParams::new(names).expect("parameters").signed_by(&key, &issuer);
        write(&format!("{side}.pem"), certificate.expect("a certificate").pem());
        write(&format!("{side}-key.pem"), key.serialize_pem());
    }
}
