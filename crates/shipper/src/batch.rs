//! What is sent at once: messages one after the other, with their boundaries.

use logs::{Entry, Stream, Time};

/// A line, or a piece of one, as drivers see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) time: Time,
    pub(crate) stream: Stream,
    /// Without its newline.
    pub(crate) line: &'a [u8],
    pub(crate) partial: Option<logs::Partial<'a>>,
}

impl<'a> Message<'a> {
    pub(crate) fn of(entry: &Entry<'a>) -> Self {
        let whole = entry.partial.is_none_or(|piece| piece.last);
        let line = if whole { entry.line.strip_suffix(b"\n").unwrap_or(entry.line) } else { entry.line };
        Self { time: entry.time, stream: entry.stream, line, partial: entry.partial }
    }

    /// The severity that drivers give it: 3 (error) or 6 (information).
    pub(crate) fn severity(&self) -> u8 {
        if self.stream == Stream::Stderr { 3 } else { 6 }
    }

    /// The piece's id as text.
    pub(crate) fn partial_id(piece: &logs::Partial<'_>) -> String {
        String::from_utf8_lossy(piece.id).into_owned()
    }
}

/// Encoded messages. On a stream they go out together, as datagrams each by itself.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    /// What the receiver is to say when it has them, in this order.
    pub(crate) acks: Vec<String>,
}

impl Batch {
    /// What has been appended to `bytes` since the last call is one packet.
    pub(crate) fn end_packet(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.bytes.len() {
            self.ends.push(self.bytes.len());
        }
    }

    pub(crate) fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let packet = &self.bytes[start..end];
            start = end;
            packet
        })
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.acks.clear();
    }

    /// Enough to be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= 64 * 1024 || self.acks.len() >= 32
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
