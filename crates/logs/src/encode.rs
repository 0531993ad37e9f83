//! The bytes of one log record, in Docker's two formats.
//!
//! `json-file`: `{"log":"...\n","stream":"stdout","attrs":{...},"time":"..."}` and a newline, escaped as Docker's own
//! JSON writer does (observed with 28.5.2): `<`, `>`, `&`, U+2028 and U+2029 are escaped, every byte that is not
//! valid UTF-8 becomes `\ufffd`, tab is `\u0009`, DEL stays.
//! `local`: a protocol buffer (`source`, `time_nano`, `line`, `partial`, metadata) between two big-endian lengths, so
//! that it can be walked from both ends.

use std::collections::BTreeMap;

use crate::split::{Part, Piece};
use crate::{Stream, Time};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as the inside of a JSON string, as Docker's json-file driver does.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let (plain, tail) = rest.split_at(plain_len(rest));
        out.extend_from_slice(plain);
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

fn escape_ascii(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        _ => out.extend_from_slice(&[
            b'\\',
            b'u',
            b'0',
            b'0',
            HEX[usize::from(byte >> 4)],
            HEX[usize::from(byte & 15)],
        ]),
    }
}

fn escape_unicode(run: &[u8], out: &mut Vec<u8>) {
    for chunk in run.utf8_chunks() {
        let mut valid = chunk.valid().as_bytes();
        // U+2028 and U+2029 are E2 80 A8 and E2 80 A9: legal JSON, but not JavaScript.
        while let Some(at) = valid.windows(3).position(|w| matches!(w, [0xE2, 0x80, 0xA8 | 0xA9])) {
            out.extend_from_slice(&valid[..at]);
            out.extend_from_slice(if valid[at + 2] == 0xA8 { b"\\u2028" } else { b"\\u2029" });
            valid = &valid[at + 3..];
        }
        out.extend_from_slice(valid);
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// How many leading bytes can be copied as they are; many at a time, for a log is mostly plain text.
fn plain_len(text: &[u8]) -> usize {
    let mut at = 0;
    // Four words at once become vector instructions.
    while let Some(words) = text[at..].first_chunk::<32>() {
        let mut marks = [0; 4];
        for (mark, word) in marks.iter_mut().zip(words.as_chunks().0) {
            *mark = special(u64::from_le_bytes(*word));
        }
        if marks != [0; 4] {
            break;
        }
        at += 32;
    }
    while let Some(word) = text[at..].first_chunk() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    match text.last_chunk() {
        // With some bytes that are known to be plain in front.
        Some(word) => {
            let special = special(u64::from_le_bytes(*word));
            text.len() - 8 + special.trailing_zeros() as usize / 8
        }
        None => text.iter().position(|&b| !is_plain(b)).unwrap_or(text.len()),
    }
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

/// The high bit of each byte that needs escaping; exact up to and including the first such byte (a borrow can only
/// reach bytes above a hit).
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |n: u64| word.wrapping_sub(ONES * n) & !word;
    let equals = |b: u8| {
        let x = word ^ (ONES * u64::from(b));
        x.wrapping_sub(ONES) & !x
    };
    // '<' is 0x3C and '>' is 0x3E: they differ in one bit only.
    let angle = {
        let x = (word | (ONES * 2)) ^ (ONES * u64::from(b'>'));
        x.wrapping_sub(ONES) & !x
    };
    (word | below(0x20) | equals(b'"') | equals(b'\\') | equals(b'&') | angle) & HIGH
}

/// The `attrs` member with its comma, or nothing.
pub(crate) fn attrs(attrs: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, (key, value)) in attrs.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"\"attrs\":{\"" } else { b",\"" });
        escape(key.as_bytes(), &mut out);
        out.extend_from_slice(b"\":\"");
        escape(value.as_bytes(), &mut out);
        out.push(b'"');
    }
    if !out.is_empty() {
        out.extend_from_slice(b"},");
    }
    out
}

/// Writes json-file records; keeps what two records of one batch have in common.
#[derive(Debug)]
pub(crate) struct Json {
    attrs: Vec<u8>,
    /// Everything behind the text of a record of this stream and time.
    suffix: Vec<u8>,
    of: Option<(Stream, Time)>,
}

impl Json {
    pub(crate) fn new(attributes: &BTreeMap<String, String>) -> Self {
        Self { attrs: attrs(attributes), suffix: Vec::new(), of: None }
    }

    pub(crate) fn record(&mut self, stream: Stream, piece: Piece<'_>, out: &mut Vec<u8>) {
        if self.of != Some((stream, piece.time)) {
            self.of = Some((stream, piece.time));
            let mut time = String::with_capacity(32);
            piece.time.write_trimmed(&mut time);
            self.suffix.clear();
            for part in [b"\",\"stream\":\"", stream.as_str().as_bytes(), b"\",", &self.attrs, b"\"time\":\""]
            {
                self.suffix.extend_from_slice(part);
            }
            self.suffix.extend_from_slice(time.as_bytes());
            self.suffix.extend_from_slice(b"\"}\n");
        }
        out.extend_from_slice(b"{\"log\":\"");
        escape(piece.bytes, out);
        if !matches!(piece.part, Part::More(_)) {
            out.extend_from_slice(b"\\n");
        }
        out.extend_from_slice(&self.suffix);
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
        let mut out = Vec::new();
        escape(text, &mut out);
        String::from_utf8(out).unwrap()
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
        let mut out = Vec::new();
        json.record(
            Stream::Stderr,
            Piece { bytes: b"x", time: Time(100_000_000), part: Part::Whole },
            &mut out,
        );
        let want = "{\"log\":\"x\\n\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"\\u003c\",\"b\":\"2\"},\"time\":\"1970-01-01T00:00:00.1Z\"}\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    proptest! {
        #[test]
        fn the_fast_scan_agrees_with_the_table(text in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(plain_len(&text), text.iter().position(|&b| !is_plain(b)).unwrap_or(text.len()));
        }

        #[test]
        fn json_readers_get_the_text_back(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let back: String = serde_json::from_str(&format!("\"{}\"", escaped(&text))).unwrap();
            // Go replaces byte by byte, Rust maximal parts; the valid text must be the same.
            let strip = |s: &str| s.replace('\u{fffd}', "");
            prop_assert_eq!(strip(&back), strip(&String::from_utf8_lossy(&text)));
        }
    }
}
