//! Written logs read back: whole, by the end, by time, and while they grow.

use std::path::Path;
use std::sync::mpsc;

use super::*;
use crate::Writer;

fn config(dir: &Path, driver: Driver, max_size: Option<u64>, max_file: u32) -> WriterConfig {
    WriterConfig { driver, max_size, max_file, ..WriterConfig::json_file(dir.join("log")) }
}

fn lines(config: &WriterConfig, options: ReadOptions) -> Vec<String> {
    let mut reader = Reader::open(config, options).unwrap();
    let mut lines = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        lines.push(String::from_utf8_lossy(entry.line).trim_end().to_owned());
    }
    lines
}

/// Writes the lines `from..to`, each at the time of its number.
fn write(writer: &mut Writer, from: i64, to: i64) {
    for n in from..to {
        writer.write(Stream::Stdout, format!("{n}\n").as_bytes(), Time(n));
    }
}

fn numbers(from: i64, to: i64) -> Vec<String> {
    (from..to).map(|n| n.to_string()).collect()
}

#[test]
fn both_formats_are_read_back_through_rotations() {
    for driver in [Driver::JsonFile, Driver::Local] {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), driver, Some(1000), 1000);
        write(&mut Writer::open(&config).unwrap(), 0, 500);
        assert!(std::fs::read_dir(dir.path()).unwrap().count() > 5);
        assert_eq!(lines(&config, ReadOptions::default()), numbers(0, 500));
        for tail in [0, 1, 7, 100, 499, 500, 501] {
            let options = ReadOptions { tail: Some(tail), ..ReadOptions::default() };
            let from = 500 - i64::try_from(tail).unwrap().min(500);
            assert_eq!(lines(&config, options), numbers(from, 500), "tail {tail}");
        }
        for since in [0, 1, 250, 499, 500] {
            let options = ReadOptions { since: Some(Time(since)), ..ReadOptions::default() };
            assert_eq!(lines(&config, options), numbers(since, 500), "since {since}");
        }
        let until = ReadOptions { until: Some(Time(99)), ..ReadOptions::default() };
        assert_eq!(lines(&config, until), numbers(0, 100));
    }
}

#[test]
fn since_is_found_in_a_large_file() {
    for driver in [Driver::JsonFile, Driver::Local] {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), driver, None, 1);
        write(&mut Writer::open(&config).unwrap(), 0, 40_000);
        assert!(std::fs::metadata(&config.path).unwrap().len() > 900_000);
        for since in [0, 1, 12_345, 39_999] {
            let options = ReadOptions { since: Some(Time(since)), ..ReadOptions::default() };
            let mut reader = Reader::open(&config, options).unwrap();
            let near = reader.sources[0].at;
            assert_eq!(reader.next_entry().unwrap().map(|e| e.time), Some(Time(since)));
            let at = std::fs::metadata(&config.path).unwrap().len() / 40_000 * since.unsigned_abs();
            assert!(at.saturating_sub(near) < 300_000, "begins at {near} for a record near {at}");
        }
    }
}

#[test]
fn a_missing_log_is_empty_and_none_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    assert!(lines(&config(dir.path(), Driver::JsonFile, None, 3), ReadOptions::default()).is_empty());
    let error = Reader::open(&WriterConfig::none(), ReadOptions::default()).unwrap_err();
    assert_eq!(error.class(), errdefs::Class::NotImplemented);
    assert_eq!(error.message(), "configured logging driver does not support reading");
}

#[test]
fn damage_is_stepped_over() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Driver::JsonFile, None, 1);
    write(&mut Writer::open(&config).unwrap(), 0, 2);
    let mut bytes = std::fs::read(&config.path).unwrap();
    bytes.splice(0..0, b"\0\0garbage\n\xff\n".iter().copied());
    bytes.extend_from_slice(b"{\"log\":\"torn");
    std::fs::write(&config.path, bytes).unwrap();
    assert_eq!(lines(&config, ReadOptions::default()), numbers(0, 2));
}

/// Follows in a thread; the lines as they come.
fn follow(
    config: &WriterConfig,
    options: ReadOptions,
) -> (mpsc::Receiver<String>, std::thread::JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel();
    let mut reader = Reader::open(config, options).unwrap();
    let thread = std::thread::spawn(move || {
        while let Some(entry) = reader.next_entry().unwrap() {
            sender.send(String::from_utf8_lossy(entry.line).trim_end().to_owned()).unwrap();
        }
    });
    (receiver, thread)
}

#[test]
fn following_gets_every_line_through_rotations_and_ends_when_told() {
    for driver in [Driver::JsonFile, Driver::Local] {
        let dir = tempfile::tempdir().unwrap();
        // No file is thrown away, so even a reader that is held up must get all.
        let config = config(dir.path(), driver, Some(2000), 5000);
        let (ended, cancelled) = (Signal::new().unwrap(), Signal::new().unwrap());
        let follow_options = Follow { ended: ended.clone(), cancelled };
        let (lines, thread) =
            follow(&config, ReadOptions { follow: Some(follow_options), ..ReadOptions::default() });
        let mut writer = Writer::open(&config).unwrap();
        write(&mut writer, 0, 10);
        assert_eq!(lines.iter().take(10).collect::<Vec<_>>(), numbers(0, 10));
        write(&mut writer, 10, 3000);
        ended.set();
        thread.join().unwrap();
        assert_eq!(lines.iter().collect::<Vec<_>>(), numbers(10, 3000));
    }
}

#[test]
fn following_goes_on_when_the_only_file_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Driver::JsonFile, Some(1), 1);
    let (ended, cancelled) = (Signal::new().unwrap(), Signal::new().unwrap());
    let options =
        ReadOptions { follow: Some(Follow { ended: ended.clone(), cancelled }), ..ReadOptions::default() };
    let mut writer = Writer::open(&config).unwrap();
    write(&mut writer, 100, 101);
    let (lines, thread) = follow(&config, options);
    assert_eq!(lines.recv().unwrap(), "100");
    write(&mut writer, 1, 2);
    assert_eq!(lines.recv().unwrap(), "1");
    ended.set();
    thread.join().unwrap();
}

#[test]
fn following_ends_when_nobody_listens_or_the_time_has_come() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Driver::JsonFile, None, 1);
    let (ended, cancelled) = (Signal::new().unwrap(), Signal::new().unwrap());
    let options = |until| {
        let follow = Some(Follow { ended: ended.clone(), cancelled: cancelled.clone() });
        ReadOptions { follow, until, ..ReadOptions::default() }
    };
    let (_lines, thread) = follow(&config, options(Some(Time(Time::now().0 + 1_000_000))));
    thread.join().unwrap();
    let (_lines, thread) = follow(&config, options(None));
    cancelled.set();
    thread.join().unwrap();
}

#[test]
fn filling_renders_in_pieces_and_says_when_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Driver::JsonFile, None, 1);
    write(&mut Writer::open(&config).unwrap(), 0, 30_000);
    let mut reader = Reader::open(&config, ReadOptions::default()).unwrap();
    let (mut out, mut all, mut pieces) = (Vec::new(), Vec::new(), 0);
    loop {
        let more = reader.fill(&Render::new(false), &mut out).unwrap();
        pieces += 1;
        all.append(&mut out);
        if !more {
            break;
        }
    }
    assert_eq!(String::from_utf8(all).unwrap(), numbers(0, 30_000).join("\n") + "\n");
    assert!(pieces > 1);
}

fn compressed(dir: &Path, max_file: u32) -> WriterConfig {
    WriterConfig { compress: true, ..config(dir, Driver::Local, Some(2000), max_file) }
}

#[test]
fn compressed_files_are_read_like_others() {
    for driver in [Driver::JsonFile, Driver::Local] {
        let dir = tempfile::tempdir().unwrap();
        let config = WriterConfig { driver, ..compressed(dir.path(), 1000) };
        let mut writer = Writer::open(&config).unwrap();
        for n in 0..5 {
            write(&mut writer, n * 100, n * 100 + 100);
            assert!(writer.take_rotated() && !writer.take_rotated());
            crate::compress(&config).unwrap();
        }
        let names: Vec<String> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(
            names.contains(&"log.1.gz".to_owned()) && names.contains(&"log.2.gz".to_owned()),
            "{names:?}"
        );
        assert!(names.iter().all(|name| name == "log" || name.ends_with(".gz")), "{names:?}");
        assert_eq!(lines(&config, ReadOptions::default()), numbers(0, 500));
        for tail in [1, 100, 499, 501] {
            let from = 500 - i64::try_from(tail).unwrap().min(500);
            let options = ReadOptions { tail: Some(tail), ..ReadOptions::default() };
            assert_eq!(lines(&config, options), numbers(from, 500));
        }
        for since in [0, 77, 499] {
            let options = ReadOptions { since: Some(Time(since)), ..ReadOptions::default() };
            assert_eq!(lines(&config, options), numbers(since, 500));
        }
    }
}

#[test]
fn only_so_many_files_are_kept_in_either_form() {
    let dir = tempfile::tempdir().unwrap();
    let config = compressed(dir.path(), 3);
    let mut writer = Writer::open(&config).unwrap();
    for n in 0..50 {
        write(&mut writer, n * 37, n * 37 + 37);
        if n % 3 == 0 {
            crate::compress(&config).unwrap();
        }
        assert!(std::fs::read_dir(dir.path()).unwrap().count() <= 3);
    }
    let read = lines(&config, ReadOptions::default());
    assert_eq!(read, numbers(50 * 37 - i64::try_from(read.len()).unwrap(), 50 * 37));
    assert!(read.len() > 50, "{}", read.len());
}

/// Whoever sends a log on must find its place again, whatever has become of the files meanwhile.
#[test]
fn a_position_is_found_again_after_rotation_and_compression() {
    let dir = tempfile::tempdir().unwrap();
    let config = compressed(dir.path(), 1000);
    let mut writer = Writer::open(&config).unwrap();
    let mut from = None;
    for n in 0..60 {
        write(&mut writer, n * 30, n * 30 + 30);
        if n % 7 == 3 {
            crate::compress(&config).unwrap();
        }
        let mut reader = Reader::open(&config, ReadOptions { from, ..ReadOptions::default() }).unwrap();
        assert!(!reader.missed());
        // Not all of it: the rest is read with the next lot.
        for expected in (n * 29).max(0)..(n + 1) * 29 {
            let entry = reader.next_entry().unwrap().unwrap();
            assert_eq!(entry.line, format!("{expected}\n").as_bytes());
        }
        from = reader.position().unwrap();
    }
    let rest = lines(&config, ReadOptions { from, ..ReadOptions::default() });
    assert_eq!(rest, numbers(60 * 29, 60 * 30));
}

#[test]
fn a_position_that_is_gone_is_told_and_reading_begins_with_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let config = compressed(dir.path(), 2);
    let mut writer = Writer::open(&config).unwrap();
    write(&mut writer, 0, 10);
    let mut reader = Reader::open(&config, ReadOptions::default()).unwrap();
    reader.next_entry().unwrap();
    let from = reader.position().unwrap();
    drop(reader);
    write(&mut writer, 10, 1000);
    let mut reader = Reader::open(&config, ReadOptions { from, ..ReadOptions::default() }).unwrap();
    assert!(reader.missed() && !reader.missed());
    let first: i64 =
        String::from_utf8_lossy(reader.next_entry().unwrap().unwrap().line).trim_end().parse().unwrap();
    assert!(first > 10, "{first}");
}

#[test]
fn pieces_of_a_cut_line_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Driver::Local, None, 1);
    let mut writer = Writer::open(&config).unwrap();
    writer.write(Stream::Stdout, &[b'x'; 20_000], Time(1));
    writer.write(Stream::Stdout, b"\nwhole\n", Time(2));
    let mut reader = Reader::open(&config, ReadOptions::default()).unwrap();
    let mut seen = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        seen.push((entry.line.len(), entry.partial.map(|part| (part.ordinal, part.last, part.id.to_vec()))));
    }
    let id = seen[0].1.clone().unwrap().2;
    assert!(!id.is_empty());
    assert_eq!(seen, [(16_384, Some((1, false, id.clone()))), (3617, Some((2, true, id))), (6, None)]);
}

/// Bytes this thread has read from files, as the kernel counts them.
fn bytes_read() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    text.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// A log of 1 GB: what is counted is what a question reads, which must not grow with the log. That is why there is no index beside the log: a search by halves in
/// a file whose records can be found from any offset reads about as little as one would.
#[test]
fn the_end_and_a_time_are_found_in_a_gigabyte_by_reading_little() {
    const RECORDS: i64 = 10_000_000;
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), Driver::JsonFile, None, 1);
    {
        let mut file = io::BufWriter::new(std::fs::File::create(&config.path).unwrap());
        for n in 0..RECORDS / 1000 {
            let mut time = String::new();
            Time(n * 1_000_000_000 + 999_999_999).write_trimmed(&mut time);
            let text = "x".repeat(40);
            let line = format!("{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"{time}\"}}\n");
            io::Write::write_all(&mut file, line.repeat(1000).as_bytes()).unwrap();
        }
    }
    let size = std::fs::metadata(&config.path).unwrap().len();
    assert!(size > 1_000_000_000, "{size}");
    let read = |options: ReadOptions, wanted: usize| {
        let before = bytes_read();
        let mut reader = Reader::open(&config, options).unwrap();
        for _ in 0..wanted {
            assert!(reader.next_entry().unwrap().is_some());
        }
        bytes_read() - before
    };
    let tail = read(ReadOptions { tail: Some(100), ..ReadOptions::default() }, 100);
    assert!(tail < 512 * 1024, "tail read {tail} bytes");
    for part in [1, 5, 9] {
        let since = Some(Time(RECORDS / 10 * part * 1_000_000));
        let bytes = read(ReadOptions { since, ..ReadOptions::default() }, 100);
        assert!(bytes < 2 * 1024 * 1024, "since read {bytes} bytes");
    }
}
