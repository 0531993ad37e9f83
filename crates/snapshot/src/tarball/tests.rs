//! Tests of the tar reader and writer: hostile archives, and what other programs write.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::pax as pax_records;
use super::*;

fn read(bytes: &[u8]) -> errdefs::Result<Vec<(Entry, Vec<u8>)>> {
    let mut reader = Reader::new(bytes);
    let mut all = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let mut content = Vec::new();
        reader.copy_content(&entry, &mut content)?;
        all.push((entry, content));
    }
    Ok(all)
}

fn write(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, content) in entries {
        writer.append(entry, &mut content.as_slice()).unwrap();
    }
    writer.finish().unwrap()
}

/// A header block by hand: (name, type, size, magic), with more fields set by `change`.
fn block(name: &str, kind: u8, size: u64, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes[100..108].copy_from_slice(b"0000644\0");
    bytes[108..116].copy_from_slice(b"0000000\0");
    bytes[116..124].copy_from_slice(b"0000000\0");
    bytes[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    bytes[136..148].copy_from_slice(b"00000000000\0");
    bytes[156] = kind;
    bytes[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut bytes);
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes.iter().map(|b| u32::from(*b)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len().next_multiple_of(512), 0);
    bytes
}

fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        pax_records::put(&mut content, key.as_bytes(), value);
    }
    [block("pax", b'x', content.len() as u64, |_| {}), padded(&content)].concat()
}

fn end() -> Vec<u8> {
    vec![0; 1024]
}

fn plain(name: &str) -> Vec<u8> {
    block(name, b'0', 0, |_| {})
}

#[test]
fn tarmageddon_cve_2025_62518_the_pax_size_counts_for_content_and_for_the_next_header() {
    // The header says 0, the record 1024: whoever believes the header finds a second archive in the content.
    let hidden = [plain("hidden"), plain("hidden2")].concat();
    let bytes = [pax(&[("size", b"1024")]), plain("outer"), hidden.clone(), plain("after"), end()].concat();
    let all = read(&bytes).unwrap();
    let names: Vec<_> = all.iter().map(|(entry, _)| entry.display().into_owned()).collect();
    assert_eq!(names, ["outer", "after"]);
    assert_eq!(all[0].1, hidden);
}

#[track_caller]
fn assert_refused(words: &str, bytes: &[u8]) {
    let error = read(bytes).expect_err(words).to_string();
    assert!(error.contains(words), "{words}: {error}");
}

#[test]
fn pax_records_that_do_not_add_up_are_refused() {
    let file = plain("f");
    let raw_pax = |content: &[u8]| {
        [block("pax", b'x', content.len() as u64, |_| {}), padded(content), file.clone(), end()].concat()
    };
    for (words, bytes) in [
        ("bad record length", raw_pax(b"999 path=x\n")),
        ("bad record length", raw_pax(b"0 path=x\n")),
        ("bad record", raw_pax(b"12path=xxxx\n")),
        ("bad record", raw_pax(b"11 pathxxx\n")),
        ("bad record", raw_pax(b"7 =abc\n")),
        ("unterminated record", raw_pax(b"10 path=xyz")),
        ("NUL", [pax(&[("path", b"a\0b")]), file.clone(), end()].concat()),
        ("bad size", [pax(&[("size", b"-1")]), file.clone(), end()].concat()),
        ("bad size", [pax(&[("size", b"1x")]), file.clone(), end()].concat()),
        ("bad size", [pax(&[("size", b"99999999999999999999")]), file.clone(), end()].concat()),
        ("bad uid", [pax(&[("uid", b"4294967296")]), file.clone(), end()].concat()),
        ("bad mtime", [pax(&[("mtime", b"1e5")]), file.clone(), end()].concat()),
        (
            "two extended headers",
            [pax(&[("path", b"a")]), pax(&[("path", b"b")]), file.clone(), end()].concat(),
        ),
    ] {
        assert_refused(words, &bytes);
    }
}

#[test]
fn what_readers_differ_on_is_refused() {
    let file = plain("f");
    let long =
        |kind, text: &[u8]| [block("@LongLink", kind, text.len() as u64, |_| {}), padded(text)].concat();
    let global = |records: &[(&str, &[u8])]| {
        let mut bytes = pax(records);
        bytes[156] = b'g';
        let fixed = block("g", b'g', 0, |b| b[124..136].copy_from_slice(&bytes[124..136]));
        bytes[..512].copy_from_slice(&fixed);
        bytes
    };
    for (words, bytes) in [
        ("two extended headers", [long(b'L', b"a\0"), long(b'L', b"b\0"), file.clone(), end()].concat()),
        ("two long names", [long(b'L', b"a\0"), pax(&[("path", b"b")]), file.clone(), end()].concat()),
        ("an empty long name", [long(b'L', b"\0"), file.clone(), end()].concat()),
        ("ends after an extended header", [pax(&[("path", b"a")]), end()].concat()),
        ("ends after an extended header", pax(&[("path", b"a")])),
        ("for the whole archive", [global(&[("path", b"evil")]), file.clone(), end()].concat()),
        ("for the whole archive", [global(&[("size", b"0")]), file.clone(), end()].concat()),
        ("has no content but a size", [block("d", b'5', 512, |_| {}), file.clone(), end()].concat()),
        (
            "has no content but a size",
            [block("l", b'1', 512, |b| b[157] = b'f'), file.clone(), end()].concat(),
        ),
        ("a link to nothing", [block("l", b'2', 0, |_| {}), end()].concat()),
        ("unknown type 'V'", [block("v", b'V', 0, |_| {}), end()].concat()),
        ("unknown type", [block("v", b'9', 0, |_| {}), end()].concat()),
        ("a lone block of zeros", [file.clone(), vec![0; 512], file.clone()].concat()),
        ("bad size", block("f", b'0', 0, |b| b[124..136].copy_from_slice(b"0000000008\0\0"))),
        ("negative size", block("f", b'0', 0, |b| b[124..136].fill(0xff))),
        (
            "bad size",
            block("f", b'0', 0, |b| b[124..136].copy_from_slice(&[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        ),
        // Found by comparing with two other readers on mutated archives.
        ("bad uid", block("f", b'0', 0, |b| b[108..116].copy_from_slice(b"\x000000007"))),
        ("bad uid", block("f", b'0', 0, |b| b[108..116].copy_from_slice(b"000 007\0"))),
        ("unknown dialect", block("f", b'0', 0, |b| b[257] = b'U')),
        ("size overflow", [pax(&[("size", b"18446744073709551615")]), file.clone()].concat()),
        ("bad uid", block("f", b'0', 0, |b| b[108..116].copy_from_slice(&[0x80, 0, 0, 1, 0, 0, 0, 0]))),
        ("bad uid", block("f", b'0', 0, |b| b[108..116].fill(0xff))),
        ("unexpected end", block("f", b'0', 10, |_| {})),
        ("checksum mismatch", {
            let mut b = file.clone();
            b[0] ^= 1;
            b
        }),
        (
            "unknown form",
            [pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"1")]), file.clone(), end()].concat(),
        ),
        (
            "unknown form",
            [pax(&[("GNU.sparse.offset", b"0"), ("GNU.sparse.numbytes", b"0")]), file.clone(), end()]
                .concat(),
        ),
        (
            "bad map",
            [pax(&[("GNU.sparse.size", b"10"), ("GNU.sparse.map", b"5,5,0,5")]), file.clone(), end()]
                .concat(),
        ),
        (
            "bad map",
            [pax(&[("GNU.sparse.size", b"10"), ("GNU.sparse.map", b"0,11")]), file.clone(), end()].concat(),
        ),
        (
            "does not fit",
            [pax(&[("GNU.sparse.size", b"10"), ("GNU.sparse.map", b"0,5")]), file.clone(), end()].concat(),
        ),
    ] {
        assert_refused(words, &bytes);
    }
}

#[test]
fn old_dialects_and_harmless_oddities_are_read() {
    let comment = {
        let mut b = pax(&[("comment", b"0123456789abcdef")]);
        let size = b[124..136].to_vec();
        b[..512]
            .copy_from_slice(&block("pax_global_header", b'g', 0, |h| h[124..136].copy_from_slice(&size)));
        b
    };
    for (bytes, name, kind) in [
        (block("v7", 0, 0, |b| b[257..512].fill(0)), "v7", Kind::File),
        (block("v7dir/", 0, 0, |b| b[257..512].fill(0)), "v7dir/", Kind::Dir),
        (block("contiguous", b'7', 0, |_| {}), "contiguous", Kind::File),
        (block("name", b'0', 0, |b| b[345..351].copy_from_slice(b"prefix")), "prefix/name", Kind::File),
        // In GNU's dialect there is no prefix there.
        (
            block("name", b'0', 0, |b| {
                b[257..265].copy_from_slice(b"ustar  \0");
                b[345..351].copy_from_slice(b"000000");
            }),
            "name",
            Kind::File,
        ),
        (block("spaces", b'0', 0, |b| b[124..136].copy_from_slice(b"          0 ")), "spaces", Kind::File),
        (block("blank", b'0', 0, |b| b[108..116].fill(b' ')), "blank", Kind::File),
        (block("rubbish", b'0', 0, |b| b[108..116].copy_from_slice(b"0007\0xyz")), "rubbish", Kind::File),
        ([comment, plain("after")].concat(), "after", Kind::File),
        ([pax(&[("path", b"first"), ("path", b"last")]), plain("x")].concat(), "last", Kind::File),
        ([pax(&[("path", b"first"), ("path", b"")]), plain("x")].concat(), "x", Kind::File),
    ] {
        for ending in [Vec::new(), vec![0; 512], end(), [end(), b"rubbish after the end".to_vec()].concat()] {
            let all =
                read(&[bytes.clone(), ending].concat()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((all.len(), all[0].0.display().as_ref(), all[0].0.kind), (1, name, kind));
        }
    }
    let negative = block("old", b'0', 0, |b| {
        b[136..148].fill(0xff);
        b[147] = 0xfe;
    });
    assert_eq!(read(&negative).unwrap()[0].0.mtime.seconds, -2);
}

/// CVE-2017-14992, the BOMB family: what an archive says must not become memory or time without bound.
#[test]
fn cve_2017_14992_endless_headers_meet_limits() {
    let one = plain("empty");
    let endless = std::iter::repeat_n(one.as_slice(), 1 << 20).collect::<Vec<_>>();
    let mut reader = Reader::new(std::io::BufReader::new(Chunks(endless.into_iter())));
    let mut count = 0;
    let error = loop {
        match reader.next_entry() {
            Ok(Some(_)) => count += 1,
            Ok(None) => panic!("{count} entries, and no limit"),
            Err(error) => break error.to_string(),
        }
    };
    assert_eq!(count, crate::limits::ENTRIES_MAX);
    assert!(error.contains("more than"), "{error}");
    // Extended headers count too: an endless row of them describes nothing.
    let comment = [block("g", b'g', 0, |_| {}); 1].concat();
    let endless = std::iter::repeat_n(comment.as_slice(), 1 << 20).collect::<Vec<_>>();
    let mut reader = Reader::new(std::io::BufReader::new(Chunks(endless.into_iter())));
    assert!(reader.next_entry().unwrap_err().to_string().contains("more than"));
    let names: Vec<String> =
        (0..=crate::limits::XATTRS_MAX).map(|n| format!("SCHILY.xattr.user.{n}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"v"[..])).collect();
    assert_refused("too many extended attributes", &[pax(&many), plain("f"), end()].concat());
    let large = vec![b'v'; crate::limits::XATTR_BYTES_MAX + 1];
    assert_refused(
        "too large an extended attribute",
        &[pax(&[("SCHILY.xattr.user.a", &large)]), plain("f"), end()].concat(),
    );
    assert_refused("too long a name", &[pax(&[("path", &[b'n'; 4096])]), plain("f"), end()].concat());
}

/// A stream made of pieces that are not copied.
struct Chunks<'a>(std::vec::IntoIter<&'a [u8]>);

impl std::io::Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some(piece) = self.0.next() else { return Ok(0) };
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::File), 1 => Just(Kind::HardLink), 1 => Just(Kind::Symlink), 1 => Just(Kind::Char),
        1 => Just(Kind::Block), 2 => Just(Kind::Dir), 1 => Just(Kind::Fifo)
    ]
}

fn entries() -> impl Strategy<Value = (Entry, Vec<u8>)> {
    let name = "[a-z]{1,20}(/[a-zA-Z0-9.\u{e9}_-]{1,60}){0,6}";
    let numbers = (
        0u32..0o10000,
        any::<u32>(),
        any::<u32>(),
        -(1i64 << 40)..(1i64 << 40),
        0u32..1_000_000_000,
        0u32..0x1fff,
    );
    let xattrs = proptest::collection::btree_map(
        "user\\.[a-z]{1,5}",
        proptest::collection::vec(any::<u8>(), 0..50),
        0..3,
    );
    (name, kinds(), "[a-z/.]{1,150}", numbers, xattrs, proptest::collection::vec(any::<u8>(), 0..1500))
        .prop_map(|(path, kind, link, (mode, uid, gid, seconds, nanoseconds, device), xattrs, content)| {
            let content = if kind == Kind::File { content } else { Vec::new() };
            let entry = Entry {
                link: if matches!(kind, Kind::HardLink | Kind::Symlink) { link.into() } else { Vec::new() },
                uid,
                gid,
                mtime: Time { seconds, nanoseconds },
                device: if matches!(kind, Kind::Char | Kind::Block) { (device, device / 2) } else { (0, 0) },
                xattrs: xattrs.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect(),
                size: content.len() as u64,
                ..Entry::new(path, kind, mode)
            };
            (entry, content)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_again(entries in proptest::collection::vec(entries(), 0..8)) {
        prop_assert_eq!(read(&write(&entries)).unwrap(), entries);
    }

    #[test]
    fn damaged_archives_never_panic(
        entries in proptest::collection::vec(entries(), 1..4), at in any::<proptest::sample::Index>(), flip in 1u8.., cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = write(&entries);
        let _ = read(&bytes[..cut.index(bytes.len())]);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let _ = read(&bytes);
        // With a checksum that fits, what the fields say is looked at.
        let start = at / 512 * 512;
        let block = &mut bytes[start..start + 512];
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let _ = read(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// TAR-DIFF: GNU tar sees the same names, types and sizes in what we write.
    #[test]
    fn gnu_tar_reads_the_same(entries in proptest::collection::vec(entries(), 1..6)) {
        let listed: Vec<u8> = {
            let mut tar = Command::new("tar").env("LC_ALL", "C").args(["--quoting-style=escape", "-P", "-tf", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            tar.stdin.take().unwrap().write_all(&write(&entries)).unwrap();
            let output = tar.wait_with_output().unwrap();
            prop_assert!(output.status.success());
            output.stdout
        };
        let escaped = |name: &[u8]| name.iter().fold(String::new(), |mut text, byte| {
            match byte { 0x20..=0x7e => text.push(char::from(*byte)), _ => text.push_str(&format!("\\{byte:03o}")) }
            text
        });
        let expected: Vec<String> = entries.iter().map(|(entry, _)| {
            escaped(&entry.path)
        }).collect();
        let listed = String::from_utf8(listed).unwrap();
        prop_assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
    }
}
