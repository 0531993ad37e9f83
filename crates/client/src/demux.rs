//! Output of a container without a terminal: frames of standard output and standard error in one stream.
//!
//! A frame is a type (1 output, 2 error, 3 the engine's own error), three zero bytes, a big-endian length, and the
//! bytes. Frames are often one line each, millions of them, so they are gathered: what arrived together is written
//! together, and nothing is held back while waiting for more.

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::http::Body;

/// Bytes before each frame.
const HEADER_BYTES: usize = 8;
/// How much is gathered before it is written even though more is ready.
const GATHER_BYTES: usize = 256 * 1024;
/// One read from a session.
const SESSION_BYTES: usize = 64 * 1024;
/// The longest error text of the engine that is shown.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A buffered source that knows whether its next byte is there already.
pub trait Source: BufRead {
    /// True if a byte can be had without waiting.
    ///
    /// # Errors
    /// If the framing below is malformed.
    fn ready(&mut self) -> io::Result<bool>;
}

impl Source for Body {
    fn ready(&mut self) -> io::Result<bool> {
        Body::ready(self)
    }
}

impl<R: Read> Source for BufReader<R> {
    fn ready(&mut self) -> io::Result<bool> {
        Ok(!self.buffer().is_empty())
    }
}

/// A buffer of the right size around a session's output.
pub fn buffered<R: Read>(reader: R) -> BufReader<R> {
    BufReader::with_capacity(SESSION_BYTES, reader)
}

/// Copies everything from `source` to `output` as it is: the output of a terminal.
///
/// # Errors
/// Of reading or writing.
pub fn copy_raw(source: &mut impl Source, output: &mut impl Write) -> io::Result<()> {
    loop {
        let bytes = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let count = bytes.len();
        if count == 0 {
            return output.flush();
        }
        output.write_all(bytes)?;
        output.flush()?;
        source.consume(count);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Output,
    Error,
    /// The engine's own error text.
    Engine,
}

/// Copies frames from `source` to `output` and `error` until the end.
///
/// # Errors
/// Of reading or writing, an unknown frame type, a stream cut inside a frame, or an error of the engine (its text).
pub fn copy(source: &mut impl Source, output: &mut impl Write, error: &mut impl Write) -> io::Result<()> {
    let mut demux =
        Demux { channel: Channel::Output, left: 0, header: [0; HEADER_BYTES], have: 0, gathered: Vec::new() };
    let mut gathered_for = Channel::Output;
    loop {
        let slice = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let count = slice.len();
        let mut rest = slice;
        while !rest.is_empty() {
            if demux.left == 0 {
                rest = demux.read_header(rest)?;
                continue;
            }
            if demux.channel != gathered_for {
                demux.flush(gathered_for, output, error)?;
                gathered_for = demux.channel;
            }
            rest = demux.gather(rest);
        }
        source.consume(count);
        if count == 0 || demux.gathered.len() >= GATHER_BYTES || !source.ready()? {
            demux.flush(gathered_for, output, error)?;
        }
        if count == 0 {
            let cut = demux.left > 0 || demux.have > 0;
            return if cut { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) };
        }
    }
}

struct Demux {
    channel: Channel,
    /// Bytes of the current frame that are still to come.
    left: usize,
    header: [u8; HEADER_BYTES],
    /// Bytes of the next header that are there.
    have: usize,
    gathered: Vec<u8>,
}

impl Demux {
    fn read_header<'a>(&mut self, bytes: &'a [u8]) -> io::Result<&'a [u8]> {
        let take = bytes.len().min(HEADER_BYTES - self.have);
        let (now, rest) = bytes.split_at(take);
        if let Some(place) = self.header.get_mut(self.have..self.have + take) {
            place.copy_from_slice(now);
        }
        self.have += take;
        if self.have < HEADER_BYTES {
            return Ok(rest);
        }
        self.have = 0;
        let [kind, _, _, _, length @ ..] = self.header;
        self.left = u32::from_be_bytes(length) as usize;
        self.channel = match kind {
            0 | 1 => Channel::Output,
            2 => Channel::Error,
            3 => Channel::Engine,
            other => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("unrecognized stream: {other}"),
                ));
            }
        };
        Ok(rest)
    }

    fn gather<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (now, rest) = bytes.split_at(bytes.len().min(self.left));
        self.left -= now.len();
        self.gathered.extend_from_slice(now);
        rest
    }

    fn flush(&mut self, channel: Channel, output: &mut impl Write, error: &mut impl Write) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        match channel {
            Channel::Output => {
                output.write_all(&self.gathered)?;
                output.flush()?;
            }
            Channel::Error => {
                error.write_all(&self.gathered)?;
                error.flush()?;
            }
            Channel::Engine => {
                self.gathered.truncate(ERROR_BYTES_MAX);
                let text = String::from_utf8_lossy(&self.gathered);
                return Err(io::Error::other(format!("error from daemon in stream: {text}")));
            }
        }
        self.gathered.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    fn split(wire: &[u8], step: usize) -> io::Result<(String, String)> {
        let (mut output, mut error) = (Vec::new(), Vec::new());
        copy(&mut BufReader::with_capacity(step, wire), &mut output, &mut error)?;
        Ok((String::from_utf8(output).unwrap(), String::from_utf8(error).unwrap()))
    }

    #[test]
    fn frames_go_where_they_belong_however_they_arrive() {
        let wire =
            [frame(1, "out1 "), frame(2, "err1 "), frame(1, ""), frame(2, "err2"), frame(1, "out2")].concat();
        for step in [1, 3, 7, 8, 9, 1000] {
            assert_eq!(split(&wire, step).unwrap(), ("out1 out2".into(), "err1 err2".into()), "{step}");
        }
    }

    #[test]
    fn cut_unknown_and_engine_errors() {
        let cut = frame(1, "abc");
        assert_eq!(split(cut.get(..10).unwrap(), 4).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(split(&[9, 0, 0, 0, 0, 0, 0, 0], 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(split(&frame(3, "lost"), 100).unwrap_err().to_string().ends_with("lost"));
    }
}
