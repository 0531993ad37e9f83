//! Detach keys: a sequence that ends a terminal session and leaves the container running.

/// `ctrl-p,ctrl-q`.
const DEFAULT: [u8; 2] = [16, 17];

/// Parses a list such as `ctrl-p,ctrl-q` or `a,ctrl-\`; the default for nothing.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        return Ok(DEFAULT.to_vec());
    }
    text.split(',')
        .map(|key| match key.as_bytes() {
            [letter] => Ok(*letter),
            _ => key
                .strip_prefix("ctrl-")
                .and_then(control)
                .ok_or_else(|| format!("invalid detach keys ({text}): Unknown character: '{key}'")),
        })
        .collect()
}

fn control(key: &str) -> Option<u8> {
    match key.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
        b"@" => Some(0),
        b"[" => Some(27),
        b"\\" => Some(28),
        b"]" => Some(29),
        b"^" => Some(30),
        b"_" => Some(31),
        _ => None,
    }
}

/// Looks for the keys in what is typed, holding back what may become them.
pub(crate) struct Watch<'a> {
    keys: &'a [u8],
    matched: usize,
}

impl<'a> Watch<'a> {
    /// Watches for `keys`; for none if they are empty.
    pub(crate) fn new(keys: &'a [u8]) -> Self {
        Self { keys, matched: 0 }
    }

    /// What of `typed` is to be sent now, and whether the keys are complete.
    pub(crate) fn pass(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len());
        for &byte in typed {
            if self.keys.get(self.matched) == Some(&byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    return (passed, true);
                }
                continue;
            }
            passed.extend_from_slice(self.keys.get(..self.matched).unwrap_or_default());
            self.matched = usize::from(self.keys.first() == Some(&byte));
            if self.matched == 0 {
                passed.push(byte);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences() {
        assert_eq!(parse("").unwrap(), [16, 17]);
        assert_eq!(parse("a,ctrl-\\,ctrl-z").unwrap(), [b'a', 28, 26]);
        assert!(parse("foo").is_err());
    }

    #[test]
    fn keys_are_held_back_until_it_is_clear() {
        let keys = [16, 17];
        let mut watch = Watch::new(&keys);
        assert_eq!(watch.pass(b"ab\x10"), (b"ab".to_vec(), false));
        assert_eq!(watch.pass(b"c\x10\x10d"), (b"\x10c\x10\x10d".to_vec(), false));
        assert_eq!(watch.pass(b"x\x10\x11y"), (b"x".to_vec(), true));
        assert_eq!(Watch::new(&[]).pass(b"\x10\x11"), (b"\x10\x11".to_vec(), false));
    }
}
