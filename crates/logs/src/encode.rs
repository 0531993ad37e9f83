//! The bytes of one log record, in Docker's two formats.
//!
//! `json-file`: `{"log":"...\n","stream":"stdout","attrs":{...},"time":"..."}` and a newline, escaped as Docker's own
//! JSON writer does (observed with 28.5.2): `<`, `>`, `&`, U+2028 and U+2029 are escaped, every byte that is not
//! valid UTF-8 becomes `\ufffd`, tab is `\u0009`, DEL stays.
//! `local`: a protocol buffer (`source`, `time_nano`, `line`, `partial`, metadata) between two big-endian lengths, so
//! that it can be walked from both ends.

use std::collections::BTreeMap;

use crate::batch::{Batch, Padded};
use crate::split::{LINE_MAX, Part, Piece};
use crate::{Stream, Time};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as the inside of a JSON string, as Docker's json-file driver does.
fn escape(text: &[u8], out: &mut Batch) {
    let mut rest = text;
    loop {
        let tail = &rest[out.put_plain(rest)..];
        let Some(&byte) = tail.first() else { return };
        if byte < 0x80 {
            escape_ascii(byte, out);
            rest = &tail[1..];
        } else {
            let run = tail.iter().position(u8::is_ascii).unwrap_or(tail.len());
            escape_unicode(&tail[..run], out);
            rest = &tail[run..];
        }
    }
}

fn escape_ascii(byte: u8, out: &mut Batch) {
    match byte {
        b'"' | b'\\' => out.put(&[b'\\', byte]),
        b'\n' => out.put(b"\\n"),
        b'\r' => out.put(b"\\r"),
        _ => out.put(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
    }
}

fn escape_unicode(run: &[u8], out: &mut Batch) {
    for chunk in run.utf8_chunks() {
        let mut valid = chunk.valid().as_bytes();
        // U+2028 and U+2029 are E2 80 A8 and E2 80 A9: legal JSON, but not JavaScript.
        while let Some(at) = valid.windows(3).position(|w| matches!(w, [0xE2, 0x80, 0xA8 | 0xA9])) {
            out.put(&valid[..at]);
            out.put(if valid[at + 2] == 0xA8 { b"\\u2028" } else { b"\\u2029" });
            valid = &valid[at + 3..];
        }
        out.put(valid);
        for _ in chunk.invalid() {
            out.put(b"\\ufffd");
        }
    }
}

/// The `attrs` member with its comma, or nothing.
fn attrs(attrs: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Batch::default();
    for (i, (key, value)) in attrs.iter().enumerate() {
        out.put(if i == 0 { b"\"attrs\":{\"" } else { b",\"" });
        escape(key.as_bytes(), &mut out);
        out.put(b"\":\"");
        escape(value.as_bytes(), &mut out);
        out.put(b"\"");
    }
    if !out.is_empty() {
        out.put(b"},");
    }
    out.bytes().to_vec()
}

/// What stands in front of the text of every record.
const PREFIX: &[u8; 8] = b"{\"log\":\"";

/// Writes json-file records; keeps what two records of one batch have in common.
#[derive(Debug)]
pub(crate) struct Json {
    attrs: Vec<u8>,
    /// Everything behind the text of a record of this stream and time; `whole` is for one that ends its line.
    whole: Padded,
    part: Padded,
    of: Option<(Stream, Time)>,
}

impl Json {
    pub(crate) fn new(attributes: &BTreeMap<String, String>) -> Self {
        Self { attrs: attrs(attributes), whole: Padded::default(), part: Padded::default(), of: None }
    }

    /// Makes what two records have in common that of this stream and time.
    fn turn_to(&mut self, stream: Stream, time: Time) {
        if self.of == Some((stream, time)) {
            return;
        }
        self.of = Some((stream, time));
        let mut text = b"\\n\",\"stream\":\"".to_vec();
        text.extend_from_slice(stream.as_str().as_bytes());
        text.extend_from_slice(b"\",");
        text.extend_from_slice(&self.attrs);
        let mut clock = String::with_capacity(32);
        time.write_trimmed(&mut clock);
        text.extend_from_slice(b"\"time\":\"");
        text.extend_from_slice(clock.as_bytes());
        text.extend_from_slice(b"\"}\n");
        self.whole = Padded::new(&text);
        self.part = Padded::new(&text[b"\\n".len()..]);
    }

    pub(crate) fn record(&mut self, stream: Stream, piece: Piece<'_>, out: &mut Batch) {
        self.turn_to(stream, piece.time);
        out.put(PREFIX);
        escape(piece.bytes, out);
        let partial = matches!(piece.part, Part::More(_));
        out.put_padded(if partial { &self.part } else { &self.whole });
    }

    /// Appends the line that `data` begins with, if it is whole and needs no escaping; its length without the newline.
    pub(crate) fn plain_line(
        &mut self,
        stream: Stream,
        data: &[u8],
        now: Time,
        out: &mut Batch,
    ) -> Option<usize> {
        self.turn_to(stream, now);
        let before = out.len();
        out.put(PREFIX);
        let window = &data[..data.len().min(LINE_MAX)];
        let len = out.put_plain(window);
        if window.get(len) != Some(&b'\n') {
            out.truncate(before);
            return None;
        }
        out.put_padded(&self.whole);
        Some(len)
    }
}

/// Appends one record of the `local` format. `line_id` names the line its pieces belong to.
pub(crate) fn local(stream: Stream, piece: Piece<'_>, line_id: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let source = stream.as_str().as_bytes();
    out.push(0x0A);
    varint(source.len() as u64, out);
    out.extend_from_slice(source);
    if piece.time.0 != 0 {
        out.push(0x10);
        varint(piece.time.0.cast_unsigned(), out);
    }
    if !piece.bytes.is_empty() {
        out.push(0x1A);
        varint(piece.bytes.len() as u64, out);
        out.extend_from_slice(piece.bytes);
    }
    let (ordinal, last) = match piece.part {
        Part::Whole => (0, false),
        Part::More(n) => (n, false),
        Part::Last(n) => (n, true),
    };
    if ordinal > 0 {
        out.extend_from_slice(&[0x20, 1, 0x2A]);
        let mut metadata = Vec::new();
        if last {
            metadata.extend_from_slice(&[0x08, 1]);
        }
        metadata.push(0x12);
        varint(line_id.len() as u64, &mut metadata);
        metadata.extend_from_slice(line_id.as_bytes());
        metadata.push(0x18);
        varint(u64::from(ordinal), &mut metadata);
        varint(metadata.len() as u64, out);
        out.extend_from_slice(&metadata);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a piece is at most 16 KiB")]
    let size = ((out.len() - start - 4) as u32).to_be_bytes();
    out[start..start + 4].copy_from_slice(&size);
    out.extend_from_slice(&size);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &[u8]) -> String {
        let mut out = Batch::default();
        escape(text, &mut out);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    /// What Docker 28.5.2 wrote for the same bytes.
    #[test]
    fn escapes_as_docker_does() {
        let text = b"\0\x01\t\r\x08\x0c\x1b[0m<>&\"\\ \x7f \xc3\xa9 \xff\xfe \xe2\x80\xa8 \xe2\x80\xa9 \xed\xa0\x80 \xf0\x9f\x98\x80 \xef\xbf\xbd /";
        let want = "\\u0000\\u0001\\u0009\\r\\u0008\\u000c\\u001b[0m\\u003c\\u003e\\u0026\\\"\\\\ \x7f é \\ufffd\\ufffd \\u2028 \\u2029 \\ufffd\\ufffd\\ufffd 😀 \u{fffd} /";
        assert_eq!(escaped(text), want);
    }

    #[test]
    fn a_record_has_dockers_members_in_dockers_order() {
        let mut json =
            Json::new(&BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "<".to_owned())]));
        let mut out = Batch::default();
        json.record(
            Stream::Stderr,
            Piece { bytes: b"x", time: Time(100_000_000), part: Part::Whole },
            &mut out,
        );
        let want = "{\"log\":\"x\\n\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"\\u003c\",\"b\":\"2\"},\"time\":\"1970-01-01T00:00:00.1Z\"}\n";
        assert_eq!(String::from_utf8(out.bytes().to_vec()).unwrap(), want);
    }

    proptest! {
        #[test]
        fn json_readers_get_the_text_back(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let back: String = serde_json::from_str(&format!("\"{}\"", escaped(&text))).unwrap();
            // Go replaces byte by byte, Rust maximal parts; the valid text must be the same.
            let strip = |s: &str| s.replace('\u{fffd}', "");
            prop_assert_eq!(strip(&back), strip(&String::from_utf8_lossy(&text)));
        }
    }
}
