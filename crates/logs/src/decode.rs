//! Reading log records back, whoever wrote them: records found from both ends, torn ones stepped over.
//!
//! Invariant: nothing a log file contains makes this fail or allocate without bound; what is not a record is skipped.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::Driver;
use crate::{Partial, Stream, Time};

/// Block size for reading backwards.
const BLOCK: usize = 64 * 1024;
/// Largest record taken for one. Docker's own are below 100 KiB (16 KiB of text, each byte escaped to six, and attrs);
/// anything longer is not a record but damage.
pub(crate) const RECORD_MAX: usize = 1024 * 1024;
/// The two lengths around a `local` record.
const FRAME: usize = 4;

/// What stands at the beginning of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A record of this many bytes, framing included.
    Record(usize),
    /// The beginning of a record; more bytes are needed.
    Incomplete,
    /// This many bytes are no record.
    Damage(usize),
}

/// Finds the record at the beginning of `buffer`.
pub(crate) fn find(driver: Driver, buffer: &[u8]) -> Found {
    match driver {
        Driver::Local => find_local(buffer),
        Driver::JsonFile | Driver::None => match memchr::memchr(b'\n', buffer) {
            Some(at) => Found::Record(at + 1),
            None if buffer.len() > RECORD_MAX => Found::Damage(buffer.len()),
            None => Found::Incomplete,
        },
    }
}

fn length(bytes: &[u8]) -> Option<usize> {
    let len = u32::from_be_bytes(*bytes.first_chunk::<FRAME>()?) as usize;
    (len > 0 && len <= RECORD_MAX).then_some(len)
}

fn find_local(buffer: &[u8]) -> Found {
    if buffer.len() < FRAME {
        return Found::Incomplete;
    }
    let Some(len) = length(buffer) else { return Found::Damage(1) };
    let Some(tail) = buffer.get(FRAME + len..FRAME + len + FRAME) else { return Found::Incomplete };
    if length(tail) == Some(len) { Found::Record(len + 2 * FRAME) } else { Found::Damage(1) }
}

/// The fields of a record; `text` is as it was logged, with its newline if it had one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) time: Time,
    pub(crate) stream: Stream,
    /// `None`: the text is in the scratch buffer.
    pub(crate) text: Option<&'a [u8]>,
    pub(crate) attrs: Option<&'a str>,
    pub(crate) partial: Option<Partial<'a>>,
}

/// Decodes what [`find`] found; the text is put into `scratch` where it has to be unescaped. `times` remembers the last
/// time's text, for whole batches carry the same one.
pub(crate) fn record<'a>(
    driver: Driver,
    bytes: &'a [u8],
    scratch: &mut Vec<u8>,
    times: &mut TimeCache,
) -> Option<Record<'a>> {
    match driver {
        Driver::Local => local_record(bytes.get(FRAME..bytes.len().checked_sub(FRAME)?)?, scratch),
        Driver::JsonFile | Driver::None => {
            json_record(bytes, scratch, times).or_else(|| foreign_record(bytes, scratch))
        }
    }
}

/// The text of the last time read and its value.
#[derive(Debug, Default)]
pub(crate) struct TimeCache {
    text: Vec<u8>,
    time: Time,
}

impl TimeCache {
    fn parse(&mut self, text: &[u8]) -> Option<Time> {
        if self.text != text {
            self.time = Time::parse(text)?;
            self.text.clear();
            self.text.extend_from_slice(text);
        }
        Some(self.time)
    }
}

/// The form that Docker and Hythe write, without a general parser: this is what makes reading fast.
fn json_record<'a>(bytes: &'a [u8], scratch: &mut Vec<u8>, times: &mut TimeCache) -> Option<Record<'a>> {
    let mut rest = bytes.strip_prefix(b"{\"log\":\"")?;
    scratch.clear();
    loop {
        let at = memchr::memchr2(b'"', b'\\', rest)?;
        scratch.extend_from_slice(&rest[..at]);
        if rest[at] == b'"' {
            rest = &rest[at + 1..];
            break;
        }
        let used = unescape(&rest[at..], scratch)?;
        rest = &rest[at + used..];
    }
    let (stream, rest) = if let Some(rest) = rest.strip_prefix(b",\"stream\":\"stdout\",") {
        (Stream::Stdout, rest)
    } else {
        (Stream::Stderr, rest.strip_prefix(b",\"stream\":\"stderr\",")?)
    };
    let rest = rest.strip_prefix(b"\"time\":\"")?;
    let time = times.parse(rest.strip_suffix(b"\"}\n")?)?;
    Some(Record { time, stream, text: None, attrs: None, partial: None })
}

/// Appends the character that the escape at the beginning of `bytes` stands for; returns its length.
fn unescape(bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let plain = match *bytes.get(1)? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        byte @ (b'"' | b'\\' | b'/') => byte,
        b'u' => {
            let digits = bytes.get(2..6)?;
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            // Surrogate pairs are left to the general parser: neither writer makes them.
            let char = char::from_u32(code)?;
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(6);
        }
        _ => return None,
    };
    out.push(plain);
    Some(2)
}

#[derive(Deserialize)]
struct ForeignRecord<'a> {
    #[serde(borrow, default)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    attrs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

/// Any other JSON: attributes, other orders of members.
fn foreign_record<'a>(bytes: &'a [u8], scratch: &mut Vec<u8>) -> Option<Record<'a>> {
    let record: ForeignRecord<'a> = serde_json::from_slice(bytes).ok()?;
    scratch.clear();
    scratch.extend_from_slice(record.log.as_bytes());
    Some(Record {
        time: Time::parse(record.time.as_bytes())?,
        stream: if record.stream == "stderr" { Stream::Stderr } else { Stream::Stdout },
        text: None,
        attrs: record.attrs.map(RawValue::get),
        partial: None,
    })
}

/// The fields of Docker's `LogEntry` message; unknown ones are skipped.
fn local_record<'a>(mut bytes: &'a [u8], scratch: &mut Vec<u8>) -> Option<Record<'a>> {
    let (mut time, mut stream, mut line, mut partial) = (0, Stream::Stdout, &b""[..], false);
    let mut piece = Partial { id: b"", ordinal: 0, last: false };
    while !bytes.is_empty() {
        let (field, value) = field(&mut bytes)?;
        match (field, value) {
            (1, Value::Bytes(b"stderr")) => stream = Stream::Stderr,
            (2, Value::Number(n)) => time = n.cast_signed(),
            (3, Value::Bytes(text)) => line = text,
            (4, Value::Number(n)) => partial = n != 0,
            (5, Value::Bytes(mut metadata)) => {
                while !metadata.is_empty() {
                    match self::field(&mut metadata)? {
                        (1, Value::Number(n)) => piece.last = n != 0,
                        (2, Value::Bytes(id)) => piece.id = id,
                        (3, Value::Number(n)) => piece.ordinal = u32::try_from(n).unwrap_or(u32::MAX),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    scratch.clear();
    let text = if partial && !piece.last {
        Some(line)
    } else {
        scratch.extend_from_slice(line);
        scratch.push(b'\n');
        None
    };
    Some(Record { time: Time(time), stream, text, attrs: None, partial: partial.then_some(piece) })
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = varint(bytes)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(bytes)?),
        1 => Value::Bytes(bytes.split_off(..8)?),
        2 => {
            let len = usize::try_from(varint(bytes)?).ok()?;
            Value::Bytes(bytes.split_off(..len)?)
        }
        5 => Value::Bytes(bytes.split_off(..4)?),
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// How many bytes of the file are whole records; the rest is a tail torn by a crash.
pub(crate) fn whole_len(file: &File, driver: Driver, size: u64) -> io::Result<u64> {
    match driver {
        Driver::None => Ok(size),
        Driver::JsonFile => {
            let mut found = 0;
            backwards(file, size, |at, block| {
                found = memchr::memrchr(b'\n', block).map_or(0, |i| at + i as u64 + 1);
                found == 0
            })?;
            Ok(found)
        }
        Driver::Local if ends_in_record(file, size)? => Ok(size),
        Driver::Local => {
            let mut at = 0;
            while let Some(len) = local_at(file, at, size)? {
                at += len;
            }
            Ok(at)
        }
    }
}

fn ends_in_record(file: &File, end: u64) -> io::Result<bool> {
    Ok(end == 0 || local_before(file, end)?.is_some())
}

/// The length of the `local` record that begins at `at`.
fn local_at(file: &File, at: u64, size: u64) -> io::Result<Option<u64>> {
    let mut head = [0; FRAME];
    if at + FRAME as u64 > size {
        return Ok(None);
    }
    file.read_exact_at(&mut head, at)?;
    let Some(len) = length(&head) else { return Ok(None) };
    let tail_at = at + (FRAME + len) as u64;
    if tail_at + FRAME as u64 > size {
        return Ok(None);
    }
    let mut tail = [0; FRAME];
    file.read_exact_at(&mut tail, tail_at)?;
    Ok((head == tail).then_some((len + 2 * FRAME) as u64))
}

/// The length of the `local` record that ends at `end`.
fn local_before(file: &File, end: u64) -> io::Result<Option<u64>> {
    let Some(tail_at) = end.checked_sub(FRAME as u64) else { return Ok(None) };
    let mut tail = [0; FRAME];
    file.read_exact_at(&mut tail, tail_at)?;
    let Some(len) = length(&tail) else { return Ok(None) };
    let Some(at) = tail_at.checked_sub((len + FRAME) as u64) else { return Ok(None) };
    local_at(file, at, end)
}

/// Where the last `wanted` records of the file's first `size` bytes begin, and how many there are.
pub(crate) fn tail(file: &File, driver: Driver, size: u64, wanted: u64) -> io::Result<(u64, u64)> {
    let end = whole_len(file, driver, size)?;
    if wanted == 0 {
        return Ok((end, 0));
    }
    let (mut at, mut count) = (end, 0);
    if driver == Driver::Local {
        while count < wanted
            && let Some(len) = local_before(file, at)?
        {
            at -= len;
            count += 1;
        }
        return Ok((at, count));
    }
    // The newline that ends the last record begins none.
    at = 0;
    let mut newlines = 0;
    backwards(file, end, |start, block| {
        for i in memchr::memrchr_iter(b'\n', block) {
            newlines += 1;
            if newlines == wanted + 1 {
                at = start + i as u64 + 1;
                return false;
            }
        }
        true
    })?;
    Ok((at, newlines.min(wanted)))
}

/// Shows the file's first `size` bytes block by block from the end, until the function has seen enough.
fn backwards(file: &File, size: u64, mut enough: impl FnMut(u64, &[u8]) -> bool) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        #[expect(clippy::cast_possible_truncation, reason = "at most BLOCK")]
        let block = &mut block[..(end - start) as usize];
        file.read_exact_at(block, start)?;
        if !enough(start, block) {
            return Ok(());
        }
        end = start;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
