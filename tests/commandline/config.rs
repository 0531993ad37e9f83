//! `config.json` and the environment: default formats, header fields, proxies, credentials and who keeps them.
//!
//! What the engine gets to see is judged by a stand-in engine that writes requests down: both clients have to send it
//! the same.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use testkit::{Daemon, Options, Output};

use crate::pair::{Pair, Who};

/// A stand-in engine: says yes to everything, and remembers each request's first line and the fields asked for.
struct Recorder {
    heard: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Recorder {
    fn listen(socket: &Path, fields: &'static [&'static str]) -> Self {
        let listener = UnixListener::bind(socket).expect("bind");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || converse(stream, fields, &notes));
            }
        });
        Self { heard }
    }

    fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.heard.lock().expect("the list"))
    }
}

/// Answers the requests of one connection until it ends.
fn converse(stream: UnixStream, fields: &[&str], notes: &Mutex<Vec<Vec<String>>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let field = |name: &str| {
            lines.iter().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let length: u64 = field("content-length").and_then(|text| text.parse().ok()).unwrap_or_default();
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
        let first = lines.first().cloned().unwrap_or_default();
        if !first.contains("/_ping") {
            let mut note = vec![first.clone()];
            note.extend(fields.iter().map(|name| format!("{name}={}", field(name).unwrap_or_default())));
            notes.lock().expect("the list").push(note);
        }
        let body = if first.starts_with("GET") && !first.contains("/_ping") { "[]" } else { "" };
        write!(
            writer,
            "HTTP/1.1 200 OK\r\nApi-Version: 1.50\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
    }
}

/// What either client sends for a command line.
fn sent(
    pair: &Pair,
    recorder: &Recorder,
    socket: &str,
    args: &[&str],
    change: &dyn Fn(&mut Command),
) -> [Vec<Vec<String>>; 2] {
    [Who::Docker, Who::Ours].map(|who| {
        let mut command = pair.command(who, args);
        command.env("DOCKER_HOST", format!("unix://{socket}"));
        change(&mut command);
        let output = Output::of(&mut command);
        assert_eq!(output.code, 0, "{output:?}");
        recorder.take()
    })
}

#[test]
fn header_fields_and_credentials_are_sent_as_docker_sends_them() {
    if !testkit::skip::needs_new_client("the configuration file beside Docker's") {
        return;
    }
    let pair = Pair::new();
    let socket = pair.home(Who::Docker).join("sock").display().to_string();
    let recorder = Recorder::listen(Path::new(&socket), &["X-Meta", "X-Registry-Auth"]);
    // A helper that keeps one secret.
    let bin = pair.home(Who::Docker).join("bin");
    std::fs::create_dir(&bin).expect("mkdir");
    let helper = bin.join("docker-credential-stand");
    let script = r#"#!/bin/sh
[ "$1" = get ] || exit 1
read server
case $server in
    helped.example) echo '{"ServerURL":"helped.example","Username":"h","Secret":"helpersecret"}' ;;
    token.example) echo '{"ServerURL":"token.example","Username":"<token>","Secret":"tok"}' ;;
    *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"#;
    std::fs::write(&helper, script).expect("write");
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", bin.display());

    pair.write(
        "config/config.json",
        r#"{"HttpHeaders": {"X-Meta": "v1"},
            "auths": {"plain.example": {"auth": "bWU6cHc="}, "https://index.docker.io/v1/": {"auth": "aHViOnNlY3JldA=="},
                      "id.example": {"identitytoken": "idtok", "auth": "bWU6"}},
            "credHelpers": {"helped.example": "stand", "token.example": "stand", "absent.example": "stand"}}"#,
    );
    let plain = |command: &mut Command| {
        command.env("PATH", &path).env("DOCKER_API_VERSION", "1.41");
    };
    for args in [
        &["ps"][..],
        &["pull", "-q", "busybox"],
        &["pull", "-q", "plain.example/a:1"],
        &["pull", "-q", "id.example/a:1"],
        &["pull", "-q", "helped.example/a"],
        &["pull", "-q", "token.example/a"],
        &["pull", "-q", "absent.example/a"],
        &["pull", "-q", "nobody.example/a"],
    ] {
        let [docker, ours] = sent(&pair, &recorder, &socket, args, &plain);
        assert_eq!(docker, ours, "{args:?}, Docker's on the left");
        assert!(ours.iter().any(|note| note.contains(&"X-Meta=v1".to_owned())), "{ours:?}");
    }
    let custom = |command: &mut Command| {
        command.env("DOCKER_CUSTOM_HEADERS", "X-Meta=from the environment").env("DOCKER_API_VERSION", "1.41");
    };
    let [docker, ours] = sent(&pair, &recorder, &socket, &["ps"], &custom);
    assert_eq!(docker, ours);
    // The stock client on PATH may be older than this variable.
    let given = |command: &mut Command| {
        command.env("DOCKER_AUTH_CONFIG", r#"{"auths": {"plain.example": {"auth": "ZW52OnB3"}}}"#);
    };
    let [_, ours] = sent(&pair, &recorder, &socket, &["pull", "-q", "plain.example/a:1"], &given);
    // {"username":"env", ...
    assert!(ours[0][2].starts_with("X-Registry-Auth=eyJ1c2VybmFtZSI6ImVudi"), "{ours:?}");

    pair.write("config/config.json", r#"{"credsStore": "stand"}"#);
    let [docker, ours] = sent(&pair, &recorder, &socket, &["pull", "-q", "helped.example/a"], &plain);
    assert_eq!(docker, ours);
}

#[test]
fn formats_and_proxies_of_the_file_are_used() {
    if !testkit::skip::needs_new_client("the configuration file beside Docker's") {
        return;
    }
    let daemon = Daemon::with(Options { images: vec!["busybox"], ..Options::default() });
    daemon.hythe(["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["volume", "create", "data"]).ok();
    let directory = daemon.scratch().join("config");
    std::fs::create_dir(&directory).expect("mkdir");
    let config = r#"{
        "psFormat": "table {{.Names}}\\t{{.Image}}", "imagesFormat": "{{.Repository}}", "networksFormat": "{{.Name}}={{.Driver}}",
        "volumesFormat": "json", "statsFormat": "{{.Name}}", "detachKeys": "ctrl-e,e",
        "pruneFilters": ["label=none"],
        "proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "here"}}}"#;
    std::fs::write(directory.join("config.json"), config).expect("write");
    let both = |args: &[&str]| {
        let [docker, ours] =
            ["docker".into(), testkit::program("hythe")].map(|program: std::path::PathBuf| {
                let mut output = Output::of(daemon.client(&program, args).env("DOCKER_CONFIG", &directory));
                output.command.clear();
                output
            });
        assert_eq!(docker, ours, "{args:?}, Docker's on the left");
        ours
    };
    assert_eq!(both(&["ps"]).ok(), "NAMES     IMAGE\none       busybox");
    both(&["ps", "-q"]);
    both(&["ps", "--format", "{{.State}}"]);
    assert_eq!(both(&["images"]).ok(), "busybox");
    both(&["images", "-q"]);
    assert!(both(&["network", "ls"]).ok().contains("bridge=bridge"));
    both(&["volume", "ls"]);
    both(&["volume", "ls", "-q"]);
    assert_eq!(both(&["stats", "--no-stream"]).ok(), "one");
    both(&["system", "prune", "-f"]);
    assert_eq!(
        both(&["run", "--rm", "busybox", "sh", "-c", "env | grep -i proxy | sort"]).ok(),
        "HTTP_PROXY=http://p:1\nNO_PROXY=here\nhttp_proxy=http://p:1\nno_proxy=here"
    );
    both(&["run", "--rm", "-e", "HTTP_PROXY=mine", "busybox", "sh", "-c", "env | grep -i proxy | sort"]);
    daemon.check_leaks();
}

#[test]
fn a_file_that_cannot_be_read_is_warned_of() {
    if !testkit::skip::needs_new_client("the configuration file beside Docker's") {
        return;
    }
    let pair = Pair::new();
    pair.write("config/config.json", "{bad");
    let [docker, ours] = pair.outputs(&["context", "show"], &|_| {});
    assert_eq!((docker.code, &docker.stdout), (ours.code, &ours.stdout));
    // The reason comes from the JSON reader.
    let warning = "WARNING: Error parsing config file (HOME/config/config.json): ";
    assert!(docker.stderr.starts_with(warning) && ours.stderr.starts_with(warning), "{}", ours.stderr);
}

#[test]
fn certificates_that_are_asked_for_have_to_be_there() {
    if !testkit::skip::needs_new_client("the configuration file beside Docker's") {
        return;
    }
    let pair = Pair::new();
    pair.write("ca.pem", "words");
    for args in [
        &["--tlsverify", "-H", "tcp://127.0.0.1:1", "ps"][..],
        &["--tlsverify", "--tlscacert", "none.pem", "-H", "tcp://127.0.0.1:1", "ps"],
        &["--tls", "--tlscert", "none.pem", "-H", "tcp://127.0.0.1:1", "ps"],
    ] {
        pair.same(args);
    }
}
