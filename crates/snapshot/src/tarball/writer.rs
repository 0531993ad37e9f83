//! Writing an archive: ustar headers, and pax records for what does not fit into them. The same entries always give
//! the same bytes.

use std::io::{self, Read, Write};

use errdefs::{Context, Result, invalid};

use super::header::{BLOCK, put_octal};
use super::pax;
use super::{Entry, Kind, Time};

/// The name of the entry that carries pax records; readers ignore it.
const PAX_NAME: &[u8] = b"PaxHeaders.0/entry";

/// Writes one archive to a stream.
pub struct Writer<W> {
    inner: W,
}

impl<W: Write> Writer<W> {
    /// Writes an archive to `inner`, which should be buffered.
    pub fn new(inner: W) -> Self {
        Self { inner }
    }

    /// Writes an entry; `content` must have `entry.size` bytes. If it has fewer (the file shrank while it was read),
    /// zeros follow; more are left out: the archive stays whole.
    pub fn append(&mut self, entry: &Entry, content: &mut impl Read) -> Result<()> {
        let mut records = Vec::new();
        let block = header(entry, &mut records)?;
        if !records.is_empty() {
            let mut carrier = Entry::new(PAX_NAME, Kind::File, 0o644);
            carrier.size = records.len() as u64;
            let mut carrier_block = header(&carrier, &mut Vec::new())?;
            carrier_block[156] = b'x';
            sum(&mut carrier_block);
            self.inner.write_all(&carrier_block)?;
            self.inner.write_all(&records)?;
            self.pad(carrier.size)?;
        }
        self.inner.write_all(&block)?;
        if entry.kind == Kind::File && entry.size > 0 {
            let copied = io::copy(&mut content.take(entry.size), &mut self.inner)
                .context(|| format!("write {:?} to a tar", entry.display()))?;
            io::copy(&mut io::repeat(0).take(entry.size - copied), &mut self.inner)?;
            self.pad(entry.size)?;
        }
        Ok(())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = usize::try_from(size % BLOCK as u64).expect("less than a block");
        if over > 0 { self.inner.write_all(&[0; BLOCK][over..]) } else { Ok(()) }
    }

    /// Writes the end of the archive.
    pub fn finish(mut self) -> Result<W> {
        self.inner.write_all(&[0; 2 * BLOCK])?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

fn header(entry: &Entry, records: &mut Vec<u8>) -> Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    put_path(&mut block, &entry.path, records);
    put_text(&mut block[157..257], &entry.link, b"linkpath", records);
    let mut number = |from: usize, length: usize, value: u64, key: &[u8]| {
        if put_octal(&mut block[from..from + length], value).is_none() {
            put_octal(&mut block[from..from + length], 0).expect("zero fits");
            pax::put(records, key, value.to_string().as_bytes());
        }
    };
    number(100, 8, u64::from(entry.mode & 0o7777), b"mode");
    number(108, 8, u64::from(entry.uid), b"uid");
    number(116, 8, u64::from(entry.gid), b"gid");
    number(124, 12, if entry.kind == Kind::File { entry.size } else { 0 }, b"size");
    put_time(&mut block[136..148], entry.mtime, records);
    block[156] = match entry.kind {
        Kind::File => b'0',
        Kind::HardLink => b'1',
        Kind::Symlink => b'2',
        Kind::Char => b'3',
        Kind::Block => b'4',
        Kind::Dir => b'5',
        Kind::Fifo => b'6',
    };
    block[257..265].copy_from_slice(b"ustar\x0000");
    for (from, value) in [(329, entry.device.0), (337, entry.device.1)] {
        put_octal(&mut block[from..from + 8], u64::from(value)).ok_or_else(|| {
            invalid(format!("the device number of {:?} does not fit into a tar", entry.display()))
        })?;
    }
    for xattr in &entry.xattrs {
        pax::put_xattr(records, xattr);
    }
    sum(&mut block);
    Ok(block)
}

fn sum(block: &mut [u8; BLOCK]) {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    put_octal(&mut block[148..155], sum).expect("a sum of 512 bytes has six digits");
}

/// A name of up to 100 bytes goes into its field, one of up to 256 is cut at a slash, others take a record.
fn put_path(block: &mut [u8; BLOCK], path: &[u8], records: &mut Vec<u8>) {
    if path.len() > 100 && path.len() <= 256 {
        let cut = (path.len() - 101..=155.min(path.len() - 2)).find(|at| path[*at] == b'/' && *at > 0);
        if let Some(cut) = cut {
            block[345..345 + cut].copy_from_slice(&path[..cut]);
            block[..path.len() - cut - 1].copy_from_slice(&path[cut + 1..]);
            return;
        }
    }
    put_text(&mut block[..100], path, b"path", records);
}

fn put_text(field: &mut [u8], text: &[u8], key: &[u8], records: &mut Vec<u8>) {
    if text.len() > field.len() {
        pax::put(records, key, text);
    }
    let fits = text.len().min(field.len());
    field[..fits].copy_from_slice(&text[..fits]);
}

fn put_time(field: &mut [u8], time: Time, records: &mut Vec<u8>) {
    let whole = u64::try_from(time.seconds).ok();
    let fits = whole.is_some_and(|seconds| put_octal(field, seconds).is_some());
    if !fits {
        put_octal(field, 0).expect("zero fits");
    }
    if fits && time.nanoseconds == 0 {
        return;
    }
    // Before 1970 the fraction counts the other way.
    let (sign, seconds, nanoseconds) = match (time.seconds < 0, time.nanoseconds) {
        (true, 0) => ("-", time.seconds.unsigned_abs(), 0),
        (true, n) => ("-", (time.seconds + 1).unsigned_abs(), 1_000_000_000 - n),
        (false, n) => ("", time.seconds.unsigned_abs(), n),
    };
    let mut text = format!("{sign}{seconds}");
    if nanoseconds > 0 {
        text.push_str(format!(".{nanoseconds:09}").trim_end_matches('0'));
    }
    pax::put(records, b"mtime", text.as_bytes());
}
