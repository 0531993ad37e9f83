//! The key sequence that detaches a client from a terminal: reading its name, and finding it in what is typed.

use errdefs::{Result, invalid};

/// `ctrl-p,ctrl-q`.
pub const DEFAULT: &[u8] = &[16, 17];

/// Reads Docker's notation: comma separated, each a single character or `ctrl-` and one of `a-z @ [ \ ] ^ _`. An empty
/// text is the default.
///
/// # Errors
/// `InvalidParameter` in Docker's words.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    if text.is_empty() {
        return Ok(DEFAULT.to_vec());
    }
    text.split(',').map(key).collect()
}

fn key(name: &str) -> Result<u8> {
    let unknown = || invalid(format!("Unknown character: '{name}'"));
    match name.strip_prefix("ctrl-").map(str::as_bytes) {
        Some([letter @ b'a'..=b'z']) => Ok(letter - b'a' + 1),
        Some(b"@") => Ok(0),
        Some([sign @ b'['..=b'_']) => Ok(sign - b'[' + 27),
        Some(_) => Err(unknown()),
        None => match name.as_bytes() {
            [byte] => Ok(*byte),
            _ => Err(unknown()),
        },
    }
}

/// Looks for the sequence in a stream of input, as Docker's escape proxy does: what may be its beginning is held back
/// until it is known not to be; the byte that breaks it off does not begin a new one.
#[derive(Debug)]
pub(crate) struct Scanner {
    keys: Vec<u8>,
    matched: usize,
}

impl Scanner {
    pub(crate) fn new(keys: Vec<u8>) -> Self {
        Self { keys: if keys.is_empty() { DEFAULT.to_vec() } else { keys }, matched: 0 }
    }

    /// Appends to `out` what is to be passed on. `true`: the sequence is complete, the rest of `input` is dropped.
    pub(crate) fn scan(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        for &byte in input {
            if byte == self.keys[self.matched] {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return true;
                }
            } else {
                out.extend_from_slice(&self.keys[..self.matched]);
                out.push(byte);
                self.matched = 0;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dockers_notation() {
        for (text, keys) in [
            ("", vec![16, 17]),
            ("ctrl-p,ctrl-q", vec![16, 17]),
            ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", vec![0, 27, 28, 29, 30, 31]),
            ("a,b", vec![97, 98]),
        ] {
            assert_eq!(parse(text).unwrap(), keys, "{text}");
        }
        for text in ["ab", "ctrl-", "ctrl-pp", "ctrl-P", "a,,b", "é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    fn scan(chunks: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut scanner = Scanner::new(Vec::new());
        let mut out = Vec::new();
        for chunk in chunks {
            if scanner.scan(chunk, &mut out) {
                return (out, true);
            }
        }
        (out, false)
    }

    #[test]
    fn finds_the_sequence_across_reads_and_gives_back_what_only_began_it() {
        assert_eq!(scan(&[b"ab\x10\x11cd"]), (b"ab".to_vec(), true));
        assert_eq!(scan(&[b"ab\x10", b"\x11"]), (b"ab".to_vec(), true));
        assert_eq!(scan(&[b"ab\x10", b"c"]), (b"ab\x10c".to_vec(), false));
        assert_eq!(scan(&[b"x\x10"]), (b"x".to_vec(), false));
        // As Docker: the second ctrl-p breaks the sequence off and does not begin one.
        assert_eq!(scan(&[b"\x10\x10\x11"]), (b"\x10\x10\x11".to_vec(), false));
    }
}
