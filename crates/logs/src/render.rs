//! Log records as `GET /containers/{id}/logs` sends them.

use std::cell::RefCell;

use crate::{Entry, Stream, Time};

/// How records are put into the answer.
#[derive(Debug, Clone)]
pub struct Render {
    /// Show standard output.
    pub stdout: bool,
    /// Show standard error.
    pub stderr: bool,
    /// Put the time in front (fixed width, and a space).
    pub timestamps: bool,
    /// Put the attributes in front (`k=v,k=v` query-escaped, and a space).
    pub details: bool,
    /// Put each record into an 8-byte frame; not for a terminal's output.
    pub framed: bool,
    /// The last time and its text: whole batches carry the same one.
    cache: RefCell<(Option<Time>, String)>,
}

impl Render {
    /// Both streams, framed or raw, nothing in front.
    pub fn new(framed: bool) -> Self {
        let cache = RefCell::new((None, String::new()));
        Self { stdout: true, stderr: true, timestamps: false, details: false, framed, cache }
    }

    /// Appends one record, if its stream is to be shown.
    pub fn entry(&self, entry: &Entry<'_>, out: &mut Vec<u8>) {
        let shown = if entry.stream == Stream::Stdout { self.stdout } else { self.stderr };
        if !shown {
            return;
        }
        let start = out.len();
        if self.framed {
            out.extend_from_slice(&[entry.stream as u8, 0, 0, 0, 0, 0, 0, 0]);
        }
        if self.timestamps {
            let mut cache = self.cache.borrow_mut();
            if cache.0 != Some(entry.time) {
                cache.0 = Some(entry.time);
                cache.1.clear();
                entry.time.write_fixed(&mut cache.1);
                cache.1.push(' ');
            }
            out.extend_from_slice(cache.1.as_bytes());
        }
        if self.details {
            details(entry.attrs, out);
            out.push(b' ');
        }
        out.extend_from_slice(entry.line);
        if self.framed {
            #[expect(clippy::cast_possible_truncation, reason = "a record is at most 1 MiB")]
            let len = ((out.len() - start - 8) as u32).to_be_bytes();
            out[start + 4..start + 8].copy_from_slice(&len);
        }
    }
}

/// `key=value` pairs by key, joined by commas, each part as Go's `url.QueryEscape`.
fn details(attrs: Option<&str>, out: &mut Vec<u8>) {
    let Some(attrs) = attrs else { return };
    let Ok(attrs) = serde_json::from_str::<std::collections::BTreeMap<String, String>>(attrs) else { return };
    for (i, (key, value)) in attrs.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        query_escape(key, out);
        out.push(b'=');
        query_escape(value, out);
    }
}

fn query_escape(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_times_and_details() {
        let mut render = Render::new(true);
        (render.timestamps, render.details) = (true, true);
        let entry = Entry {
            time: Time(1_000_000_000),
            stream: Stream::Stderr,
            line: b"x\n",
            attrs: Some(r#"{"b":"1 2","a":"/"}"#),
            partial: None,
        };
        let mut out = Vec::new();
        render.entry(&entry, &mut out);
        let text = b"1970-01-01T00:00:01.000000000Z a=%2F,b=1+2 x\n";
        assert_eq!(out[..8], [2, 0, 0, 0, 0, 0, 0, u8::try_from(text.len()).unwrap()]);
        assert_eq!(&out[8..], text);
    }

    #[test]
    fn a_stream_not_asked_for_leaves_nothing() {
        let mut render = Render::new(true);
        render.stdout = false;
        let mut out = Vec::new();
        render.entry(
            &Entry { time: Time(0), stream: Stream::Stdout, line: b"x", attrs: None, partial: None },
            &mut out,
        );
        assert!(out.is_empty());
    }
}
