//! What is a record, what is damage, and where the last ones begin.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::encode;
use crate::split::{Part, Piece};

fn json(text: &str) -> Option<(String, Stream, i64, Option<String>)> {
    let (mut scratch, mut times) = (Vec::new(), TimeCache::default());
    let record = record(Driver::JsonFile, text.as_bytes(), &mut scratch, &mut times)?;
    let (time, stream, attrs) = (record.time.0, record.stream, record.attrs.map(str::to_owned));
    let text = record.text.map_or(scratch.clone(), <[u8]>::to_vec);
    Some((String::from_utf8(text).unwrap(), stream, time, attrs))
}

#[test]
fn reads_records_of_any_form() {
    let time = "1970-01-01T00:00:00.000000007Z";
    for (text, want) in [
        (
            format!("{{\"log\":\"a\\u003c\\tb\\n\",\"stream\":\"stderr\",\"time\":\"{time}\"}}\n"),
            ("a<\tb\n", Stream::Stderr, None),
        ),
        (
            format!(
                "{{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{{\"k\":\"v\"}},\"time\":\"{time}\"}}\n"
            ),
            ("x\n", Stream::Stdout, Some("{\"k\":\"v\"}")),
        ),
        (
            format!("{{ \"time\": \"{time}\", \"stream\": \"stderr\", \"log\": \"\\ud83d\\ude00\" }}\n"),
            ("😀", Stream::Stderr, None),
        ),
    ] {
        let (log, stream, attrs) = want;
        assert_eq!(json(&text), Some((log.to_owned(), stream, 7, attrs.map(str::to_owned))), "{text}");
    }
    for text in
        ["\n", "{}\n", "{\"log\":\"x\n", "null\n", "{\"log\":\"x\",\"stream\":\"stdout\",\"time\":\"x\"}\n"]
    {
        assert_eq!(json(text), None, "{text}");
    }
}

fn local(text: &str, part: Part) -> Vec<u8> {
    let mut out = Vec::new();
    encode::local(Stream::Stderr, Piece { bytes: text.as_bytes(), time: Time(7), part }, "id", &mut out);
    out
}

#[test]
fn local_records_have_dockers_bytes() {
    // As the generated code of Docker's entry.proto writes it.
    let want = b"\0\0\0\x0d\x0a\x06stderr\x10\x07\x1a\x01x\0\0\0\x0d";
    assert_eq!(local("x", Part::Whole), want);
    let want =
        b"\0\0\0\x19\x0a\x06stderr\x10\x07\x1a\x01x\x20\x01\x2a\x08\x08\x01\x12\x02id\x18\x02\0\0\0\x19";
    assert_eq!(local("x", Part::Last(2)), want);
}

#[test]
fn local_lines_get_their_newline_back_unless_more_follows() {
    for (part, want) in [(Part::Whole, "x\n"), (Part::More(1), "x"), (Part::Last(2), "x\n")] {
        let bytes = local("x", part);
        assert_eq!(find(Driver::Local, &bytes), Found::Record(bytes.len()));
        let mut scratch = Vec::new();
        let record = record(Driver::Local, &bytes, &mut scratch, &mut TimeCache::default()).unwrap();
        let text = record.text.map_or(scratch.clone(), <[u8]>::to_vec);
        assert_eq!(
            (String::from_utf8(text).unwrap().as_str(), record.time, record.stream),
            (want, Time(7), Stream::Stderr)
        );
    }
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn a_torn_tail_is_not_part_of_the_log() {
    let log = file(b"{1}\n{2}\n{3");
    assert_eq!(whole_len(&log, Driver::JsonFile, 10).unwrap(), 8);
    assert_eq!(whole_len(&file(b"{3"), Driver::JsonFile, 2).unwrap(), 0);
    let one = local("one", Part::Whole);
    for torn in 1..one.len() {
        let bytes = [&one[..], &one, &one[..torn]].concat();
        let len = whole_len(&file(&bytes), Driver::Local, bytes.len() as u64).unwrap();
        assert_eq!(len, 2 * one.len() as u64, "{torn}");
    }
}

#[test]
fn tails_begin_where_they_should() {
    let log = file(b"1\n22\n333\n44");
    for (wanted, want) in
        [(0, (9, 0)), (1, (5, 1)), (2, (2, 2)), (3, (0, 3)), (9, (0, 3)), (u64::MAX - 1, (0, 3))]
    {
        assert_eq!(tail(&log, Driver::JsonFile, 11, wanted).unwrap(), want, "{wanted}");
    }
    let (one, two) = (local("one", Part::Whole), local("two", Part::Whole));
    let bytes = [&one[..], &two].concat();
    let size = bytes.len() as u64;
    for (wanted, want) in [(0, (size, 0)), (1, (one.len() as u64, 1)), (2, (0, 2)), (3, (0, 2))] {
        assert_eq!(tail(&file(&bytes), Driver::Local, size, wanted).unwrap(), want, "{wanted}");
    }
}

#[test]
fn a_tail_longer_than_a_block_is_found() {
    let mut bytes = Vec::new();
    for n in 0..50_000 {
        bytes.extend_from_slice(format!("{n}\n").as_bytes());
    }
    let (at, count) = tail(&file(&bytes), Driver::JsonFile, bytes.len() as u64, 40_000).unwrap();
    assert_eq!((&bytes[usize::try_from(at).unwrap()..][..6], count), (&b"10000\n"[..], 40_000));
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for driver in [Driver::JsonFile, Driver::Local] {
            let mut at = 0;
            while at < bytes.len() {
                at += match find(driver, &bytes[at..]) {
                    Found::Record(len) => {
                        record(driver, &bytes[at..at + len], &mut Vec::new(), &mut TimeCache::default());
                        len
                    }
                    Found::Damage(len) => len,
                    Found::Incomplete => break,
                };
            }
            let log = file(&bytes);
            let size = bytes.len() as u64;
            prop_assert!(whole_len(&log, driver, size).unwrap() <= size);
            prop_assert!(tail(&log, driver, size, 3).unwrap().0 <= size);
        }
    }
}
