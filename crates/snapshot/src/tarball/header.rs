//! The 512-byte header block: its fields, its checksum, its three dialects.

use errdefs::{Result, invalid};

pub(crate) const BLOCK: usize = 512;

/// A header block, as read.
pub(crate) struct Block(pub(crate) [u8; BLOCK]);

/// Which dialect a block is in, told by its magic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V7,
    Ustar,
    Gnu,
}

impl Block {
    pub(crate) fn is_zero(&self) -> bool {
        self.0.iter().all(|b| *b == 0)
    }

    fn field(&self, from: usize, length: usize) -> &[u8] {
        &self.0[from..from + length]
    }

    /// A text field: up to its first NUL.
    pub(crate) fn text(&self, from: usize, length: usize) -> &[u8] {
        let field = self.field(from, length);
        &field[..field.iter().position(|b| *b == 0).unwrap_or(length)]
    }

    pub(crate) fn number(&self, from: usize, length: usize, what: &str) -> Result<i64> {
        number(self.field(from, length))
            .ok_or_else(|| invalid(format!("invalid tar: bad {what} in a header")))
    }

    pub(crate) fn kind(&self) -> u8 {
        self.0[156]
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.field(257, 8) {
            b"ustar  \0" => Dialect::Gnu,
            magic if magic.starts_with(b"ustar\0") => Dialect::Ustar,
            _ => Dialect::V7,
        }
    }

    /// The name, put together from its two fields.
    pub(crate) fn name(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        let prefix = match self.dialect() {
            // star keeps two times behind a shorter prefix.
            Dialect::Ustar if self.field(508, 4) == b"tar\0" => self.text(345, 131),
            Dialect::Ustar => self.text(345, 155),
            Dialect::Gnu | Dialect::V7 => b"",
        };
        if prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    /// The checksum must fit, and the dialect must be a known one: before ustar, nothing was where its magic is.
    pub(crate) fn check(&self) -> Result<()> {
        if self.dialect() == Dialect::V7 && self.field(257, 243).iter().any(|b| *b != 0) {
            return Err(invalid("invalid tar: header in an unknown dialect"));
        }
        let stored = self.number(148, 8, "checksum")?;
        let (mut unsigned, mut signed) = (0i64, 0i64);
        for (at, byte) in self.0.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { *byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed()); // some old writers summed signed bytes
        }
        if stored == unsigned || stored == signed {
            return Ok(());
        }
        Err(invalid("invalid tar: header checksum mismatch"))
    }
}

/// An octal number after spaces, ended by a space or NUL or the field's end, or GNU's base-256 with the top bit set.
/// Blank is 0. Digits that only some readers would come to (after a NUL, after a space) are refused.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 != 0 {
        return base_256(field);
    }
    let field = field.trim_ascii_start();
    let end = field.iter().position(|b| matches!(b, b' ' | 0)).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    // Behind the NUL that ends a number some writers leave rubbish; one that is blank from the start is all blank.
    let up_to_nul = rest.iter().position(|b| *b == 0).filter(|_| !digits.is_empty()).unwrap_or(rest.len());
    if !rest[..up_to_nul].iter().all(|b| matches!(b, b' ' | 0)) {
        return None;
    }
    digits.iter().try_fold(0i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

fn base_256(field: &[u8]) -> Option<i64> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative { i64::from(field[0]) - 0x100 } else { i64::from(field[0] & 0x7f) };
    field[1..].iter().try_fold(first, |value, byte| value.checked_mul(0x100)?.checked_add(i64::from(*byte)))
}

/// Puts `value` into an octal field with a NUL at its end; `None` if it does not fit.
pub(crate) fn put_octal(field: &mut [u8], value: u64) -> Option<()> {
    let width = field.len() - 1;
    let digits = format!("{value:0width$o}");
    if digits.len() > width {
        return None;
    }
    field[..width].copy_from_slice(digits.as_bytes());
    field[width] = 0;
    Some(())
}
