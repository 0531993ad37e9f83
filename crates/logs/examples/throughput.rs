//! How fast a log is written and read: 100 MB of 72-byte lines, as the project's benchmark has it.
//!
//! `cargo run --release -p logs --example throughput -- DIRECTORY [json-file|local]`

use std::collections::BTreeMap;
use std::time::Instant;

use logs::{ReadOptions, Reader, Render, Stream, Time, Writer, WriterConfig};

fn main() {
    let mut args = std::env::args().skip(1);
    let directory = args.next().expect("a directory to write in");
    let driver = args.next().unwrap_or_default();
    let path = std::path::Path::new(&directory).join("throughput.log");
    for max_size in ["20m", "-1"] {
        let options = BTreeMap::from([("max-size".to_owned(), max_size.to_owned())]);
        let config = WriterConfig::from_options(
            if driver == "local" { logs::Driver::Local } else { logs::Driver::JsonFile },
            &options,
            &path,
        )
        .expect("options");
        let lines = [&[b'x'; 71][..], b"\n"].concat().repeat(910);
        let begin = Instant::now();
        let mut writer = Writer::open(&config).expect("open");
        for _ in 0..100_000_000 / lines.len() {
            writer.write(Stream::Stdout, &lines, Time::now());
        }
        let wrote = begin.elapsed();
        let begin = Instant::now();
        let mut reader = Reader::open(&config, ReadOptions::default()).expect("open");
        let (render, mut out, mut bytes) = (Render::new(true), Vec::new(), 0);
        loop {
            out.clear();
            let more = reader.fill(&render, &mut out).expect("read");
            bytes += out.len();
            if !more {
                break;
            }
        }
        let read = begin.elapsed();
        let begin = Instant::now();
        let options = ReadOptions { tail: Some(100), ..ReadOptions::default() };
        let mut reader = Reader::open(&config, options).expect("open");
        while reader.next_entry().expect("read").is_some() {}
        let tail = begin.elapsed();
        println!("max-size {max_size}: write {wrote:?}, read {bytes} bytes {read:?}, tail 100 {tail:?}");
        for n in 0..10 {
            let _ = std::fs::remove_file(format!(
                "{}{}",
                path.display(),
                if n == 0 { String::new() } else { format!(".{n}") }
            ));
        }
    }
}
