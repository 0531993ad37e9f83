//! An engine on a Unix socket that answers by a closure.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `METHOD /path` without version and query.
    pub(crate) line: String,
    /// The whole target.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The minor number of the API version in its path, if there is one.
    fn version(&self) -> Option<u32> {
        let version = self.target.strip_prefix("/v")?.split('/').next()?;
        Some(minor(version))
    }
}

fn minor(version: &str) -> u32 {
    version.strip_prefix("1.").and_then(|minor| minor.parse().ok()).expect("a version")
}

type Answer = dyn Fn(&Request, &mut UnixStream) + Send + Sync;

/// The engine, and the directory of its socket.
pub(crate) struct Engine {
    pub(crate) directory: tempfile::TempDir,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Engine {
    /// An engine of API `version` that answers everything but pings, and what is too new for it, with `answer`.
    pub(crate) fn new(
        version: &'static str,
        answer: impl Fn(&Request, &mut UnixStream) + Send + Sync + 'static,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("sock")).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer): (_, Arc<Answer>) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (noted, answer) = (Arc::clone(&noted), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), version, &noted, &*answer));
            }
        });
        Self { directory, seen }
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.directory.path().join("sock").display())
    }

    /// The requests so far, pings left out.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|request| request.line).collect()
    }

    /// The program, to be run against this engine.
    pub(crate) fn hythe(&self, args: &[&str]) -> Command {
        let mut command = hythe(args);
        command.env("DOCKER_HOST", self.host());
        command
    }

    /// Runs the program with `input` on standard input.
    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .hythe(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }
}

/// The program with a clean environment.
pub(crate) fn hythe(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hythe"));
    command.args(args).env_clear().env("HOME", "/nonexistent");
    command
}

/// A name of the program, to be called by it.
pub(crate) fn called(directory: &std::path::Path, name: &str) -> PathBuf {
    let link = directory.join(name);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hythe"), &link).unwrap();
    link
}

fn serve(mut stream: UnixStream, version: &str, seen: &Mutex<Vec<Request>>, answer: &Answer) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        if request.target == "/_ping" {
            let head = format!("HTTP/1.1 200 OK\r\nApi-Version: {version}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            continue;
        }
        if request.version().is_some_and(|asked| asked > minor(version)) {
            // As Docker refuses what is too new for it.
            let body = format!(
                r#"{{"message":"client version is too new. Maximum supported API version is {version}"}}"#
            );
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\nApi-Version: {version}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
            continue;
        }
        seen.lock().unwrap().push(request.clone());
        answer(&request, &mut stream);
    }
}

fn read(reader: &mut BufReader<UnixStream>) -> Option<Request> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|count| *count > 0)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = target.split('?').next().unwrap_or_default();
    let path = match path.strip_prefix("/v") {
        Some(rest) => rest.find('/').map_or("", |at| &rest[at..]),
        None => path,
    };
    Some(Request { line: format!("{method} {path}"), target, headers, body })
}

/// Answers with a JSON body.
pub(crate) fn json(stream: &mut UnixStream, status: u16, body: &str) {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // The program may have gone already; then its own outcome is what the test looks at.
    let _ = stream.write_all(head.as_bytes());
}

/// Switches to a raw stream.
pub(crate) fn upgrade(stream: &mut UnixStream) {
    stream
        .write_all(
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\
              Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        )
        .unwrap();
}

/// A frame of a multiplexed stream.
pub(crate) fn frame(kind: u8, text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text);
    bytes
}
