//! A small HTTP client for the daemon's socket: for tests that need many quick requests, and that must know whether a
//! request was answered.
//!
//! One connection a request, closed by the daemon. An error means that there was no whole answer: the daemon may or may
//! not have done what was asked.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::Value;

use crate::wait;

/// Where a daemon answers. Clones are the same daemon's, also after it was started again.
#[derive(Debug, Clone)]
pub struct Api {
    socket: PathBuf,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Success: a status of 2xx, or 304, Docker's "it is so already".
    pub fn is_ok(&self) -> bool {
        matches!(self.status, 200..=299 | 304)
    }
}

impl Api {
    /// The daemon that listens at `socket`.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// A request without a body.
    ///
    /// # Errors
    /// If there was no whole answer.
    pub fn call(&self, method: &str, path: &str) -> io::Result<Answer> {
        self.send(method, path, "application/json", b"")
    }

    /// A request with a JSON body.
    ///
    /// # Errors
    /// If there was no whole answer.
    pub fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send("POST", path, "application/json", body.to_string().as_bytes())
    }

    /// Any request.
    ///
    /// # Errors
    /// If there was no whole answer.
    pub fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<Answer> {
        let mut stream = self.open(method, path, kind, body)?;
        let (status, chunked, length) = head(&mut stream)?;
        let mut answer = Answer { status, body: Vec::new() };
        match length {
            _ if matches!(status, 204 | 304) || method == "HEAD" => {}
            _ if chunked => while chunk(&mut stream, &mut answer.body)? {},
            Some(length) => {
                answer.body = vec![0; length];
                stream.read_exact(&mut answer.body)?;
            }
            None => drop(stream.read_to_end(&mut answer.body)?),
        }
        Ok(answer)
    }

    /// A request whose answer does not end by itself: the first `bytes` of its body, or less if it ends.
    ///
    /// # Errors
    /// If not even the head of the answer came.
    pub fn begin(&self, path: &str, bytes: usize) -> io::Result<Answer> {
        let mut stream = self.open("GET", path, "application/json", b"")?;
        let (status, chunked, _) = head(&mut stream)?;
        let mut answer = Answer { status, body: Vec::new() };
        while answer.body.len() < bytes {
            let more = if chunked {
                chunk(&mut stream, &mut answer.body).unwrap_or(false)
            } else {
                let mut piece = [0; 4096];
                let count = stream.read(&mut piece).unwrap_or(0);
                answer.body.extend_from_slice(&piece[..count]);
                count > 0
            };
            if !more {
                break;
            }
        }
        Ok(answer)
    }

    fn open(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<BufReader<UnixStream>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        // A daemon that does not answer at all is a failure, not a reason to wait for ever.
        stream.set_read_timeout(Some(2 * wait::PATIENCE))?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat())?;
        Ok(BufReader::new(stream))
    }

    /// Connects and goes away without a word, as a client that was killed.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn knock(&self) -> io::Result<()> {
        UnixStream::connect(&self.socket)?.shutdown(Shutdown::Both)
    }
}

fn broken(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

fn line(stream: &mut BufReader<UnixStream>) -> io::Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| broken("the answer breaks off"))
}

/// Reads status line and headers: status, whether the body is chunked, its length.
fn head(stream: &mut BufReader<UnixStream>) -> io::Result<(u16, bool, Option<usize>)> {
    let first = line(stream)?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken("no status in the answer"))?;
    let (mut chunked, mut length) = (false, None);
    loop {
        let header = line(stream)?.to_ascii_lowercase();
        match header.split_once(':').map(|(name, value)| (name, value.trim())) {
            Some(("transfer-encoding", value)) => chunked = value == "chunked",
            Some(("content-length", value)) => length = value.parse().ok(),
            Some(_) => {}
            None => return Ok((status, chunked, length)),
        }
    }
}

/// Reads one chunk; false after the last.
fn chunk(stream: &mut BufReader<UnixStream>, body: &mut Vec<u8>) -> io::Result<bool> {
    let size = usize::from_str_radix(line(stream)?.trim(), 16).map_err(|_| broken("no size of a chunk"))?;
    let begin = body.len();
    body.resize(begin + size, 0);
    stream.read_exact(&mut body[begin..])?;
    line(stream)?;
    Ok(size > 0)
}
