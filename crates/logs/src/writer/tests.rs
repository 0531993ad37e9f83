//! Files as the writer leaves them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::Mode;

fn config(path: &Path, driver: Driver, max_size: Option<u64>, max_file: u32) -> WriterConfig {
    WriterConfig {
        driver,
        path: path.to_owned(),
        max_size,
        max_file,
        compress: false,
        mode: Mode::Blocking,
        attrs: BTreeMap::new(),
    }
}

fn line(text: &str) -> String {
    format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"1970-01-01T00:00:00Z\"}}\n")
}

#[test]
fn a_line_is_in_the_file_when_write_returns_and_a_rest_when_the_stream_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut writer = Writer::open(&config(&path, Driver::JsonFile, None, 1)).unwrap();
    writer.write(Stream::Stdout, b"a\nb", Time(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), line("a\\n"));
    writer.end(Stream::Stdout, Time(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), line("a\\n") + &line("b"));
    assert_eq!(writer.stats(), Stats { records: 2, lost: 0, write_errors: 0 });
}

#[test]
fn the_first_record_that_finds_the_file_full_starts_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let size = line("0\\n").len() as u64;
    let mut writer = Writer::open(&config(&path, Driver::JsonFile, Some(2 * size - 1), 3)).unwrap();
    // One write of nine lines: two a file, as if they had come one by one.
    writer.write(Stream::Stdout, b"0\n1\n2\n3\n4\n5\n6\n7\n8\n", Time(0));
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read("log"), line("8\\n"));
    assert_eq!(read("log.1"), line("6\\n") + &line("7\\n"));
    assert_eq!(read("log.2"), line("4\\n") + &line("5\\n"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn with_one_file_it_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut writer = Writer::open(&config(&path, Driver::JsonFile, Some(1), 1)).unwrap();
    writer.write(Stream::Stdout, b"0\n1\n", Time(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), line("1\\n"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_torn_tail_is_cut_off_before_the_next_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, line("a\\n") + "{\"log\":\"to").unwrap();
    let mut writer = Writer::open(&config(&path, Driver::JsonFile, None, 1)).unwrap();
    writer.write(Stream::Stdout, b"b\n", Time(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), line("a\\n") + &line("b\\n"));
}

#[test]
fn a_full_disk_is_counted_and_stops_nothing() {
    let mut writer = Writer::open(&config(Path::new("/dev/full"), Driver::JsonFile, None, 1)).unwrap();
    writer.write(Stream::Stdout, b"a\nb\n", Time(0));
    writer.write(Stream::Stderr, b"c\n", Time(0));
    assert_eq!(writer.stats(), Stats { records: 0, lost: 3, write_errors: 2 });
}

#[test]
fn the_none_driver_makes_no_file() {
    let mut writer = Writer::open(&WriterConfig::none()).unwrap();
    writer.write(Stream::Stdout, b"a\n", Time(0));
    assert_eq!(writer.stats(), Stats::default());
}

#[test]
fn a_line_that_lost_its_end_is_not_logged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut writer = Writer::open(&config(&path, Driver::JsonFile, None, 1)).unwrap();
    writer.write(Stream::Stdout, b"a\nhal", Time(0));
    writer.gap(Stream::Stdout);
    writer.write(Stream::Stdout, b"b\n", Time(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), line("a\\n") + &line("b\\n"));
    assert_eq!(writer.stats().lost, 1);
}

proptest! {
    /// Lines that need no escaping take a shorter way to the file; how the bytes arrive must not change what is in it.
    #[test]
    fn reads_and_ways_do_not_matter(
        lines in prop::collection::vec((any::<bool>(), 0usize..100, 1usize..3), 0..40),
        long in prop::option::of(16_000usize..40_000),
        cuts in prop::collection::vec(1usize..400, 0..20),
    ) {
        let mut text = Vec::new();
        for (plain, len, repeat) in lines {
            let line = if plain { "x".repeat(len) } else { "say \"é\" & ".repeat(len / 10) };
            text.extend_from_slice(format!("{line}\n").repeat(repeat).as_bytes());
        }
        text.extend(std::iter::repeat_n(b'y', long.unwrap_or(0)));
        let logged = |chunks: &[&[u8]]| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log");
            let mut writer = Writer::open(&config(&path, Driver::JsonFile, None, 1)).unwrap();
            for chunk in chunks {
                writer.write(Stream::Stdout, chunk, Time(0));
            }
            writer.end(Stream::Stdout, Time(0));
            (fs::read(&path).unwrap(), writer.stats())
        };
        let mut chunks = Vec::new();
        let mut rest = &text[..];
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(head);
            rest = tail;
        }
        chunks.push(rest);
        prop_assert_eq!(logged(&chunks), logged(&[&text]));
        let decoded: String = String::from_utf8(logged(&chunks).0)
            .unwrap()
            .lines()
            .map(|record| serde_json::from_str::<serde_json::Value>(record).unwrap()["log"].as_str().unwrap().to_owned())
            .collect();
        prop_assert_eq!(decoded.as_bytes(), &text[..]);
    }
}
