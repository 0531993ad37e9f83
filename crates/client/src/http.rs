//! HTTP/1.1 as an engine speaks it: one request at a time, bodies by length, by chunks or until the end.
//!
//! Invariants: a connection goes back to its pool only when its response was read to the end; what was read past the
//! end of a response head is never lost (a hijacked session starts with it). Heads and chunk lines are bounded.

use std::io::{self, BufRead, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::transport::Stream;

/// One read of a body; large, because the logs of a container come in bulk.
const BUFFER_BYTES: usize = 256 * 1024;
/// The largest response head that is accepted.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most header fields of a response.
const HEADERS_MAX: usize = 96;
/// The longest line that gives a chunk's size.
const CHUNK_LINE_MAX: usize = 1024;
/// How much is reserved for a body because it says that it comes, before it has come.
const RESERVE_MAX: u64 = 4 * 1024 * 1024;
/// One chunk of a request whose length is not known beforehand.
const UPLOAD_BYTES: usize = 128 * 1024;

/// A connection with what was read from it but not consumed yet.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Connection {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 }
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads once more behind what is buffered; 0 at the end of the stream.
    fn fill(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.stream.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The stream, and the bytes that were read ahead from it.
    pub(crate) fn into_parts(self) -> (Stream, Vec<u8>) {
        let rest = self.buffered().to_vec();
        (self.stream, rest)
    }

    /// Reads the head of a response. `Ok(None)`: the connection ended before its first byte.
    pub(crate) fn read_head(&mut self) -> io::Result<Option<Head>> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut parsed = httparse::Response::new(&mut fields);
            match parsed.parse(self.buffered()) {
                Ok(httparse::Status::Complete(length)) => {
                    let head = Head::from_parsed(&parsed);
                    self.consume(length);
                    // Informational answers other than the switch of protocols come before the real one.
                    if (100..200).contains(&head.status) && head.status != 101 {
                        continue;
                    }
                    return Ok(Some(head));
                }
                Ok(httparse::Status::Partial) => {}
                Err(error) => return Err(malformed(error)),
            }
            if self.buffered().len() > HEAD_BYTES_MAX {
                return Err(malformed("response head too large"));
            }
            if self.fill()? == 0 {
                return if self.buffered().is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Writes all of `source` as chunks. An error of writing is not one of the request: the engine may have answered
    /// before it wanted all of the body, and then its answer says why.
    pub(crate) fn write_chunked(&mut self, source: &mut dyn Read) -> io::Result<()> {
        let mut buffer = vec![0; UPLOAD_BYTES];
        loop {
            let count = match source.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let chunk = buffer.get(..count).unwrap_or_default();
            let written = write!(self.stream, "{count:x}\r\n")
                .and_then(|()| self.stream.write_all(chunk))
                .and_then(|()| self.stream.write_all(b"\r\n"));
            if count == 0 || written.is_err() {
                return Ok(());
            }
        }
    }
}

fn malformed(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed HTTP response: {what}"))
}

/// Status and header fields of a response.
#[derive(Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    fields: Vec<(String, String)>,
}

impl Head {
    fn from_parsed(parsed: &httparse::Response<'_, '_>) -> Self {
        let fields = parsed
            .headers
            .iter()
            .map(|field| (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned()))
            .collect();
        Self { status: parsed.code.unwrap_or_default(), fields }
    }

    /// The value of the field `name` (lower case).
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    fn has_token(&self, name: &str, token: &str) -> bool {
        self.field(name)
            .is_some_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    }

    fn framing(&self, to_head_request: bool) -> io::Result<Framing> {
        if to_head_request || self.status == 204 || self.status == 304 {
            return Ok(Framing::Length(0));
        }
        if self.has_token("transfer-encoding", "chunked") {
            return Ok(Framing::Chunked(Chunk::Size));
        }
        match self.field("content-length") {
            Some(length) => length.trim().parse().map(Framing::Length).map_err(malformed),
            None => Ok(Framing::UntilEnd),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked(Chunk),
    UntilEnd,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// The line with the size of the next chunk comes.
    Size,
    /// So many bytes of the current chunk come.
    Data(u64),
    /// The line end after a chunk comes.
    DataEnd,
    /// The trailer fields come.
    Trailer,
}

impl Chunk {
    /// What comes after `line`, when a line was due.
    fn after_line(self, line: &[u8]) -> io::Result<Framing> {
        Ok(match self {
            Self::Size => match chunk_size(line)? {
                0 => Framing::Chunked(Self::Trailer),
                size => Framing::Chunked(Self::Data(size)),
            },
            Self::Trailer if line.is_empty() => Framing::Done,
            Self::Trailer => Framing::Chunked(Self::Trailer),
            Self::Data(_) | Self::DataEnd if line.is_empty() => Framing::Chunked(Self::Size),
            Self::Data(_) | Self::DataEnd => return Err(malformed("chunk longer than its size")),
        })
    }
}

/// Connections that wait for their next request.
pub(crate) type Pool = Arc<Mutex<Vec<Connection>>>;

/// The body of a response. Reading is buffered; [`BufRead::fill_buf`] gives large slices without copying.
pub struct Body {
    connection: Option<Connection>,
    framing: Framing,
    reusable: bool,
    pool: Pool,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("framing", &self.framing).finish_non_exhaustive()
    }
}

impl Body {
    pub(crate) fn new(
        connection: Connection,
        head: &Head,
        to_head_request: bool,
        pool: Pool,
    ) -> io::Result<Self> {
        let framing = head.framing(to_head_request)?;
        let reusable = framing != Framing::UntilEnd && !head.has_token("connection", "close");
        let mut body = Self { connection: Some(connection), framing, reusable, pool };
        if framing == Framing::Length(0) {
            body.finish();
        }
        Ok(body)
    }

    fn finish(&mut self) {
        self.framing = Framing::Done;
        if let Some(connection) = self.connection.take()
            && self.reusable
        {
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    /// Makes sure that a byte of the body is buffered, or that the body is over.
    fn advance(&mut self) -> io::Result<()> {
        loop {
            let Some(connection) = &mut self.connection else { return Ok(()) };
            match self.framing {
                Framing::Done | Framing::Length(0) => self.finish(),
                Framing::UntilEnd => {
                    if connection.buffered().is_empty() && connection.fill()? == 0 {
                        self.finish();
                    }
                    return Ok(());
                }
                Framing::Length(_) | Framing::Chunked(Chunk::Data(1..)) => {
                    if connection.buffered().is_empty() && connection.fill()? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    return Ok(());
                }
                Framing::Chunked(part) => {
                    let Some(line) = next_line(connection)? else {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    };
                    self.framing = part.after_line(&line)?;
                }
            }
        }
    }

    /// True if a byte of the body can be had without waiting for the engine.
    pub fn ready(&mut self) -> io::Result<bool> {
        loop {
            if self.available() > 0 {
                return Ok(true);
            }
            match (&mut self.connection, self.framing) {
                (Some(connection), Framing::Chunked(part)) if connection.buffered().contains(&b'\n') => {
                    let line = next_line(connection)?.unwrap_or_default();
                    self.framing = part.after_line(&line)?;
                }
                _ => return Ok(false),
            }
        }
    }

    fn available(&self) -> usize {
        let Some(connection) = &self.connection else { return 0 };
        let buffered = connection.buffered().len();
        match self.framing {
            Framing::Length(left) | Framing::Chunked(Chunk::Data(left)) => {
                usize::try_from(left).map_or(buffered, |left| left.min(buffered))
            }
            Framing::UntilEnd => buffered,
            Framing::Chunked(_) | Framing::Done => 0,
        }
    }

    /// Reads the rest, at most `max` bytes.
    pub fn read_all(&mut self, max: u64) -> io::Result<Vec<u8>> {
        let expected =
            if let Framing::Length(length) = self.framing { length.min(max).min(RESERVE_MAX) } else { 0 };
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
        self.take(max).read_to_end(&mut bytes)?;
        // The end of the last chunk is not a byte of the body, so it may not have been read yet.
        if bytes.len() as u64 != max {
            self.advance()?;
        }
        Ok(bytes)
    }
}

/// The next line without its line end, or nothing at the end of the stream.
fn next_line(connection: &mut Connection) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(at) = connection.buffered().iter().position(|&byte| byte == b'\n') {
            let line = connection.buffered().get(..at).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
            connection.consume(at + 1);
            return Ok(Some(line));
        }
        if connection.buffered().len() > CHUNK_LINE_MAX {
            return Err(malformed("chunk line too long"));
        }
        if connection.fill()? == 0 {
            return Ok(None);
        }
    }
}

fn chunk_size(line: &[u8]) -> io::Result<u64> {
    let digits = line.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(digits).map_err(malformed)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(malformed("chunk size"));
    }
    u64::from_str_radix(text, 16).map_err(malformed)
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.advance()?;
        let available = self.available();
        Ok(self
            .connection
            .as_ref()
            .map_or(&[][..], Connection::buffered)
            .get(..available)
            .unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.available());
        let Some(connection) = &mut self.connection else { return };
        connection.consume(count);
        self.framing = match self.framing {
            Framing::Length(left) => Framing::Length(left - count as u64),
            Framing::Chunked(Chunk::Data(left)) if left == count as u64 => Framing::Chunked(Chunk::DataEnd),
            Framing::Chunked(Chunk::Data(left)) => Framing::Chunked(Chunk::Data(left - count as u64)),
            other => other,
        };
        if self.framing == Framing::Length(0) {
            self.finish();
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn body_of(bytes: &[u8]) -> (Head, Body) {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(bytes).unwrap();
        drop(far);
        let mut connection = Connection::new(Stream::Unix(near));
        let head = connection.read_head().unwrap().unwrap();
        let body = Body::new(connection, &head, false, Pool::default()).unwrap();
        (head, body)
    }

    #[test]
    fn bodies_by_length_chunks_and_end() {
        for (wire, text, reused) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "abc", true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n",
                "abcde",
                true,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nxyz", "xyz", false),
            ("HTTP/1.1 204 No Content\r\n\r\n", "", true),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nq",
                "q",
                false,
            ),
        ] {
            let (_, mut body) = body_of(wire.as_bytes());
            assert_eq!(body.read_all(100).unwrap(), text.as_bytes(), "{wire}");
            assert_eq!(body.pool.lock().unwrap().len(), usize::from(reused), "{wire}");
        }
    }

    #[test]
    fn cut_or_malformed_bodies_are_errors() {
        for wire in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ] {
            assert!(body_of(wire.as_bytes()).1.read_all(100).is_err(), "{wire}");
        }
    }

    #[test]
    fn header_names_match_in_any_case() {
        let (head, _) = body_of(b"HTTP/1.1 404 Not Found\r\nAPI-Version: 1.51\r\n\r\n");
        assert_eq!((head.status, head.field("api-version")), (404, Some("1.51")));
    }
}
