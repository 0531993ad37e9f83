//! Builds netlink messages: headers, attributes, nested attributes, all aligned to four bytes.

use errdefs::Result;

use super::flag;

/// Rounds up to netlink's alignment.
pub(crate) fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// Set in the type of an attribute that holds attributes.
const NESTED: u16 = 0x8000;
/// Offset of the flags in a message's header.
const FLAGS_AT: usize = 6;
/// Offset of the sequence number in a message's header.
const SEQUENCE_AT: usize = 8;

/// A batch of messages under construction.
///
/// A length that does not fit its field is remembered and makes [`Encoder::finish`] fail: a truncated message could
/// silently mean something else (CVE-2021-43784).
#[derive(Debug, Clone, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    last_acknowledged: Option<usize>,
    overflow: bool,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many messages there are.
    pub(crate) fn count(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are no messages.
    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Position of the last message that asks for an acknowledgement.
    pub(crate) fn last_acknowledged(&self) -> Option<usize> {
        self.last_acknowledged
    }

    /// Adds a message whose payload `body` writes.
    pub(crate) fn message(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        if flags & flag::ACK != 0 {
            self.last_acknowledged = Some(self.starts.len());
        }
        self.starts.push(start);
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&flags.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 8]);
        body(self);
        let length = self.bytes.len() - start;
        match u32::try_from(length) {
            Ok(length) => self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.overflow = true,
        }
    }

    /// Makes the last message ask for an acknowledgement.
    pub(crate) fn acknowledge_last(&mut self) {
        let Some(&start) = self.starts.last() else { return };
        let at = start + FLAGS_AT;
        let flags = u16::from_ne_bytes([self.bytes[at], self.bytes[at + 1]]) | flag::ACK;
        self.bytes[at..at + 2].copy_from_slice(&flags.to_ne_bytes());
        self.last_acknowledged = Some(self.starts.len() - 1);
    }

    /// Bytes of a fixed header after the message's own.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.pad();
    }

    /// An attribute.
    pub(crate) fn bytes(&mut self, kind: u16, value: &[u8]) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(value);
        self.close(start);
    }

    /// A one-byte attribute.
    pub(crate) fn u8(&mut self, kind: u16, value: u8) {
        self.bytes(kind, &[value]);
    }

    /// A number in the machine's byte order (rtnetlink).
    pub(crate) fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// A number in network byte order (nftables).
    pub(crate) fn be32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// A string with its terminating zero. A zero inside is refused like an overflow.
    pub(crate) fn text(&mut self, kind: u16, value: &str) {
        self.overflow |= value.as_bytes().contains(&0);
        let start = self.open(kind);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.close(start);
    }

    /// An attribute that holds what `body` writes.
    pub(crate) fn nest(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        let start = self.open(kind | NESTED);
        body(self);
        self.close(start);
    }

    /// An attribute that holds attributes encoded before.
    pub(crate) fn nested(&mut self, kind: u16, value: &[u8]) {
        self.bytes(kind | NESTED, value);
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize) {
        match u16::try_from(self.bytes.len() - start) {
            Ok(length) => self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.overflow = true,
        }
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(align(self.bytes.len()), 0);
    }

    /// The bytes to send, messages numbered from `first`.
    pub(super) fn finish(mut self, first: u32) -> Result<Vec<u8>> {
        if self.overflow {
            return Err(errdefs::invalid("a value does not fit into a netlink message"));
        }
        let mut sequence = first;
        for &start in &self.starts {
            let at = start + SEQUENCE_AT;
            self.bytes[at..at + 4].copy_from_slice(&sequence.to_ne_bytes());
            sequence = sequence.wrapping_add(1);
        }
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_aligned_and_lengths_are_not() {
        let mut e = Encoder::new();
        e.message(7, flag::REQUEST, |e| {
            e.text(1, "ab");
            e.nest(2, |e| e.u8(3, 9));
        });
        let bytes = e.finish(5).unwrap();
        assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()), 16 + 8 + 12);
        assert_eq!(&bytes[8..12], &5_u32.to_ne_bytes());
        assert_eq!(u16::from_ne_bytes(bytes[16..18].try_into().unwrap()), 7);
        assert_eq!(&bytes[20..24], b"ab\0\0");
        assert_eq!(u16::from_ne_bytes(bytes[24..26].try_into().unwrap()), 12);
        assert_eq!(u16::from_ne_bytes(bytes[26..28].try_into().unwrap()), NESTED | 2);
        assert_eq!(u16::from_ne_bytes(bytes[28..30].try_into().unwrap()), 5);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (length, fits) in [(65_531, true), (65_532, false), (1 << 20, false)] {
            let mut e = Encoder::new();
            e.message(1, 0, |e| e.bytes(1, &vec![0; length]));
            assert_eq!(e.finish(0).is_ok(), fits, "{length}");
        }
        let mut e = Encoder::new();
        e.message(1, 0, |e| e.nest(1, |e| (0..3).for_each(|_| e.bytes(1, &[0; 30_000]))));
        assert!(e.finish(0).is_err());
        let mut e = Encoder::new();
        e.message(1, 0, |e| e.text(1, "eth0\0up"));
        assert!(e.finish(0).is_err());
    }
}
