//! Request lines as Go's server takes them: `"`, `<`, `>`, `` ` `` and `#` stand for themselves in what is asked for, as in
//! `curl 'http://localhost/containers/json?filters={"name":["web"]}'`.
//!
//! hyper refuses them before anybody of ours sees the request, so they are escaped in the bytes that it reads. Only where a
//! request line is due: at the beginning of a connection, and again when the body of the last request has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Longest form of one byte.
pub(crate) const GROWTH: usize = 3;

/// What comes next on a connection, as far as its reader and those who use the bodies know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<AtomicU8>);

/// The states of a [`Line`]: bytes of no interest; a request line is due; it has begun; the connection is somebody's own.
const OTHER: u8 = 0;
const DUE: u8 = 1;
const BEGUN: u8 = 2;
const TAKEN: u8 = 3;

impl Line {
    /// Of a new connection.
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(DUE)))
    }

    /// A body has ended.
    pub(crate) fn due(&self) {
        let _ = self.0.compare_exchange(OTHER, DUE, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The connection carries no more requests.
    pub(crate) fn taken(&self) {
        self.0.store(TAKEN, Ordering::Relaxed);
    }

    /// True if the next bytes are to go through [`Line::escape`].
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.0.load(Ordering::Relaxed), DUE | BEGUN)
    }

    /// Appends `bytes` to `out`, escaped up to the end of the request line.
    pub(crate) fn escape(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut state = self.0.load(Ordering::Relaxed);
        for (at, &byte) in bytes.iter().enumerate() {
            match (state, byte) {
                (DUE, b'\r' | b'\n') => out.push(byte),
                (_, b'\n') => {
                    out.extend_from_slice(&bytes[at..]);
                    state = OTHER;
                    break;
                }
                (_, b'"' | b'<' | b'>' | b'`' | b'#') => {
                    out.extend_from_slice(format!("%{byte:02X}").as_bytes());
                }
                _ => {
                    state = BEGUN;
                    out.push(byte);
                }
            }
        }
        self.0.store(state, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(line: &Line, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        line.escape(bytes, &mut out);
        assert!(out.len() <= GROWTH * bytes.len());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_request_lines_are_changed() {
        let line = Line::new();
        assert_eq!(escaped(&line, b"\r\nGET /x?a=\"<"), "\r\nGET /x?a=%22%3C");
        assert!(line.is_wanted());
        assert_eq!(escaped(&line, b">` HTTP/1.1\r\nA: \"\r\n"), "%3E%60 HTTP/1.1\r\nA: \"\r\n");
        assert!(!line.is_wanted());
        line.due();
        assert_eq!(escaped(&line, b"GET /# HTTP/1.1\n\"#\n"), "GET /%23 HTTP/1.1\n\"#\n");
        line.taken();
        line.due();
        assert!(!line.is_wanted());
    }
}
