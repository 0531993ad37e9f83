//! Pax records: `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record. Values are bytes and may hold newlines.

use errdefs::{Error, Result, invalid};

use super::{Time, Xattr};
use crate::limits::{XATTR_BYTES_MAX, XATTRS_MAX};

/// The records of one header that we use; the last of two with one key counts, as POSIX says.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) mtime: Option<Time>,
    pub(crate) xattrs: Vec<Xattr>,
    pub(crate) sparse: SparseRecords,
}

/// The `GNU.sparse.*` records.
#[derive(Debug, Default)]
pub(crate) struct SparseRecords {
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) major: Option<u64>,
    pub(crate) minor: Option<u64>,
    pub(crate) size: Option<u64>,
    pub(crate) map: Option<Vec<u8>>,
    pub(crate) old: bool,
}

const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";

/// What of a header for the whole archive would change how its entries are read. Readers differ on whether they
/// honour it, so an archive that has it is refused; `git archive` only writes a comment.
const REFUSED_GLOBALLY: [&[u8]; 3] = [b"path", b"linkpath", b"size"];

fn bad(what: &str) -> Error {
    invalid(format!("invalid tar: {what} in a pax header"))
}

/// Calls `each` with the key and value of each record.
fn for_each(mut rest: &[u8], mut each: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
    while !rest.is_empty() {
        let space = rest.iter().position(|b| *b == b' ').ok_or_else(|| bad("bad record"))?;
        let length = decimal(&rest[..space]).and_then(|n| usize::try_from(n).ok());
        let length =
            length.filter(|n| *n > space + 2 && *n <= rest.len()).ok_or_else(|| bad("bad record length"))?;
        let (record, after) = rest.split_at(length);
        let body = record[space + 1..].strip_suffix(b"\n").ok_or_else(|| bad("unterminated record"))?;
        let equals =
            body.iter().position(|b| *b == b'=').filter(|at| *at > 0).ok_or_else(|| bad("bad record"))?;
        each(&body[..equals], &body[equals + 1..])?;
        rest = after;
    }
    Ok(())
}

impl Records {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut records = Self::default();
        for_each(bytes, |key, value| records.take(key, value))?;
        Ok(records)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        // An empty value takes a record back, says POSIX.
        let text = || match value {
            [] => Ok(None),
            _ if value.contains(&0) => Err(bad("NUL")),
            _ => Ok(Some(value.to_vec())),
        };
        let count = |what| match value {
            [] => Ok(None),
            _ => decimal(value).map(Some).ok_or_else(|| bad(what)),
        };
        let id = |what| count(what)?.map(|n| u32::try_from(n).map_err(|_| bad(what))).transpose();
        match key {
            b"path" => self.path = text()?,
            b"linkpath" => self.link = text()?,
            b"size" => self.size = count("bad size")?,
            b"uid" => self.uid = id("bad uid")?,
            b"gid" => self.gid = id("bad gid")?,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(time(value).ok_or_else(|| bad("bad mtime"))?),
            b"GNU.sparse.name" => self.sparse.name = text()?,
            b"GNU.sparse.major" => self.sparse.major = count("bad sparse version")?,
            b"GNU.sparse.minor" => self.sparse.minor = count("bad sparse version")?,
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = count("bad sparse size")?,
            b"GNU.sparse.map" => self.sparse.map = text()?,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.sparse.old = true,
            _ => {
                if let Some(name) = key.strip_prefix(XATTR_PREFIX) {
                    self.xattr(name, value)?;
                }
            }
        }
        Ok(())
    }

    fn xattr(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        if name.is_empty() || name.len() > 255 || name.contains(&0) {
            return Err(bad("bad name of an extended attribute"));
        }
        if value.len() > XATTR_BYTES_MAX {
            return Err(bad("too large an extended attribute"));
        }
        self.xattrs.retain(|(other, _)| other != name);
        if self.xattrs.len() == XATTRS_MAX {
            return Err(bad("too many extended attributes"));
        }
        self.xattrs.push((name.to_vec(), value.to_vec()));
        Ok(())
    }
}

/// Checks a header for the whole archive, which is otherwise passed over, as Docker does.
pub(crate) fn check_global(bytes: &[u8]) -> Result<()> {
    for_each(bytes, |key, _| {
        if REFUSED_GLOBALLY.contains(&key) || key.starts_with(b"GNU.sparse.") {
            return Err(bad("a name or size for the whole archive"));
        }
        Ok(())
    })
}

pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// `[-]SECONDS[.FRACTION]`; digits after the ninth are dropped.
fn time(text: &[u8]) -> Option<Time> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match text.iter().position(|b| *b == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b""[..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    let nanoseconds =
        (0..9).fold(0, |value, at| value * 10 + u32::from(fraction.get(at).map_or(0, |digit| digit - b'0')));
    Some(match (negative, nanoseconds) {
        (false, _) => Time { seconds, nanoseconds },
        (true, 0) => Time { seconds: -seconds, nanoseconds: 0 },
        (true, _) => Time { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

/// Appends one record to `out`.
pub(crate) fn put(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = key.len() + value.len() + 3; // space, equals sign, newline
    let mut length = body;
    // The length counts its own digits.
    while length != body + length.to_string().len() {
        length = body + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Appends the record of an extended attribute to `out`.
pub(crate) fn put_xattr(out: &mut Vec<u8>, (name, value): &Xattr) {
    put(out, &[XATTR_PREFIX, name].concat(), value);
}
