//! `/etc/subuid` and `/etc/subgid`: which ids of the host a user may give to others.
//!
//! A line is `name:first:count`, the name a user's or the number of one. What the kernel is then asked for gives a
//! container's root power over these ids, so nothing is guessed: a line that is ours and not understood is an error,
//! where `dockerd` takes what it can read. Lines of others are theirs to keep in order, and are only bounded.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use errdefs::{Context, Result, invalid};

use crate::Range;

/// The largest file that is read; 65536 lines of the usual length fit in twice over.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The ranges of the user `name` with the number `uid` in the file, mapped one after the other from 0 on.
///
/// # Errors
/// InvalidParameter: `no subuid ranges found for user "x"` (Docker's words, for both files); the line that is wrong, by
/// its number. System if the file cannot be read.
pub fn read(path: &Path, name: &str, uid: u32) -> Result<Vec<Range>> {
    let mut text = Vec::new();
    let file = File::open(path).context(|| format!("open {}", path.display()))?;
    if !file.metadata().context(|| format!("stat {}", path.display()))?.is_file() {
        return Err(invalid(format!("{} is not a file", path.display())));
    }
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).context(|| format!("read {}", path.display()))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(invalid(format!("{} is larger than {FILE_BYTES_MAX} bytes", path.display())));
    }
    parse(&text, name, uid).map_err(|error| error.context(path.display().to_string())).and_then(|ranges| {
        if ranges.is_empty() {
            return Err(invalid(format!("no subuid ranges found for user {name:?}")));
        }
        Ok(ranges)
    })
}

/// The ranges in the text of such a file.
///
/// # Errors
/// InvalidParameter for a line of this user's that is wrong.
pub fn parse(text: &[u8], name: &str, uid: u32) -> Result<Vec<Range>> {
    let number = uid.to_string();
    let mut ranges = Vec::new();
    let mut next: u32 = 0;
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let wrong = |what: &str| invalid(format!("line {}: {what}", index + 1));
        let line = line.trim_ascii();
        let mut fields = line.split(|&byte| byte == b':');
        let owner = fields.next().unwrap_or_default();
        if line.starts_with(b"#") || (owner != name.as_bytes() && owner != number.as_bytes()) {
            continue;
        }
        let (Some(first), Some(count), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err(wrong("not of the form name:first:count"));
        };
        let first = id(first).ok_or_else(|| wrong("the first ID is not a number of 32 bits"))?;
        let size = id(count).ok_or_else(|| wrong("the count is not a number of 32 bits"))?;
        if first == 0 {
            // The host's root, which is whom the mapping is to keep out.
            return Err(wrong("the host's ID 0 cannot be given away"));
        }
        ranges.push(Range { container: next, host: first, size });
        next = next.checked_add(size).ok_or_else(|| wrong("more IDs than there are"))?;
    }
    Ok(ranges)
}

/// Digits and nothing else: no sign, no space.
fn id(field: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(field).ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}
