//! The framing of stdout and stderr on one connection: 8 bytes of header, then the payload.
//!
//! Header: one byte for the stream, three zero bytes, the payload's length as a big-endian u32. A payload longer than
//! [`MAX_PAYLOAD`] is refused when reading, so that a hostile peer cannot make us reserve four gigabytes.

/// Length of a frame's header in bytes.
pub const HEADER_LEN: usize = 8;

/// Longest payload a reader accepts. Writers keep far below: Docker copies in pieces of 32 KiB.
pub const MAX_PAYLOAD: usize = 64 << 20;

/// Which stream a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stream {
    /// Echoed input; never sent by an engine today.
    Stdin = 0,
    /// Standard output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
    /// An error of the engine; the payload is its text and the stream ends.
    System = 3,
}

impl TryFrom<u8> for Stream {
    type Error = errdefs::Error;
    fn try_from(byte: u8) -> Result<Self, errdefs::Error> {
        match byte {
            0 => Ok(Self::Stdin),
            1 => Ok(Self::Stdout),
            2 => Ok(Self::Stderr),
            3 => Ok(Self::System),
            other => Err(errdefs::invalid(format!("Unrecognized input header: {other}"))),
        }
    }
}

/// The header of a frame with `len` bytes of payload.
pub fn header(stream: Stream, len: u32) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = len.to_be_bytes();
    [stream as u8, 0, 0, 0, a, b, c, d]
}

/// Appends a whole frame; a payload beyond [`MAX_PAYLOAD`] becomes several frames.
pub fn frame(stream: Stream, payload: &[u8], out: &mut Vec<u8>) {
    for piece in payload.chunks(MAX_PAYLOAD) {
        out.extend_from_slice(&header(stream, u32::try_from(piece.len()).unwrap_or(u32::MAX)));
        out.extend_from_slice(piece);
    }
}

/// Reads a header: the stream and the payload's length.
///
/// # Errors
/// InvalidParameter for an unknown stream or a payload beyond [`MAX_PAYLOAD`].
pub fn parse_header(bytes: [u8; HEADER_LEN]) -> errdefs::Result<(Stream, usize)> {
    let [kind, _, _, _, a, b, c, d] = bytes;
    let len = u32::from_be_bytes([a, b, c, d]) as usize;
    if len > MAX_PAYLOAD {
        return Err(errdefs::invalid(format!("stream frame of {len} bytes is longer than {MAX_PAYLOAD}")));
    }
    Ok((Stream::try_from(kind)?, len))
}

/// Takes frames apart, fed with whatever pieces the connection gives.
#[derive(Debug, Default)]
pub struct Demux {
    header: [u8; HEADER_LEN],
    have: usize,
    current: Option<(Stream, usize)>,
}

impl Demux {
    /// At a frame's start.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `sink` with each piece of payload found in `bytes`, in order, not waiting for whole frames.
    ///
    /// # Errors
    /// InvalidParameter for a broken header; whatever `sink` returns.
    pub fn feed<E: From<errdefs::Error>>(
        &mut self,
        mut bytes: &[u8],
        mut sink: impl FnMut(Stream, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            let Some((stream, left)) = self.current else {
                let take = bytes.len().min(HEADER_LEN - self.have);
                self.header[self.have..self.have + take].copy_from_slice(&bytes[..take]);
                self.have += take;
                bytes = &bytes[take..];
                if self.have == HEADER_LEN {
                    self.have = 0;
                    let (stream, len) = parse_header(self.header)?;
                    self.current = (len > 0).then_some((stream, len));
                }
                continue;
            };
            let (piece, rest) = bytes.split_at(bytes.len().min(left));
            self.current = (left > piece.len()).then_some((stream, left - piece.len()));
            sink(stream, piece)?;
            bytes = rest;
        }
        Ok(())
    }

    /// True between frames: an end of the connection here is a proper one.
    pub fn at_boundary(&self) -> bool {
        self.have == 0 && self.current.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demux(wire: &[u8], chunk: usize) -> (Vec<(Stream, u8)>, bool) {
        let mut demux = Demux::new();
        let mut got = Vec::new();
        for piece in wire.chunks(chunk) {
            demux
                .feed(piece, |stream, bytes| -> errdefs::Result<()> {
                    got.extend(bytes.iter().map(|&b| (stream, b)));
                    Ok(())
                })
                .unwrap();
        }
        (got, demux.at_boundary())
    }

    #[test]
    fn recorded_frame_of_docker() {
        let mut out = Vec::new();
        frame(Stream::Stdout, b"hi\n", &mut out);
        assert_eq!(out, b"\x01\0\0\0\0\0\0\x03hi\n");
    }

    #[test]
    fn any_cut_gives_the_same_bytes() {
        let mut wire = Vec::new();
        frame(Stream::Stdout, b"one", &mut wire);
        wire.extend_from_slice(&header(Stream::Stderr, 0));
        frame(Stream::Stderr, b"two", &mut wire);
        let whole = demux(&wire, wire.len());
        assert_eq!(whole.0.len(), 6);
        for chunk in 1..wire.len() {
            assert_eq!(demux(&wire, chunk), whole, "chunk {chunk}");
        }
        assert!(!demux(&wire[..wire.len() - 1], 4).1, "a cut frame is not a proper end");
    }

    #[test]
    fn hostile_headers_are_refused() {
        assert!(parse_header([4, 0, 0, 0, 0, 0, 0, 1]).is_err());
        assert!(parse_header([1, 0, 0, 0, 255, 255, 255, 255]).is_err());
    }
}
