//! Looks at many bytes at once for those that a JSON string cannot hold as they are.
//!
//! On `x86_64` by SSE2, which is part of it; a compiler finds these few instructions by itself only sometimes.

/// Bytes looked at in one call.
pub const BLOCK: usize = 32;

/// A bit for each byte of `block` that must be escaped in a JSON string that is safe in HTML too, as Go's `encoding/json`
/// writes it, or that is not ASCII; the lowest bit is that of the first byte. DEL is plain.
#[must_use]
#[inline]
pub fn json_special(block: &[u8; BLOCK]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86_64 has SSE2.
    unsafe {
        sse2(block)
    }
    #[cfg(not(target_arch = "x86_64"))]
    bytewise(block)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn sse2(block: &[u8; BLOCK]) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    };
    let all = |byte: u8| _mm_set1_epi8(byte.cast_signed());
    let equals = |bytes: __m128i, byte: u8| _mm_cmpeq_epi8(bytes, all(byte));
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&block[at..at + 8]);
        i64::from_le_bytes(word)
    };
    let half = |at: usize| {
        // Becomes one load.
        let bytes = _mm_set_epi64x(word(at + 8), word(at));
        // As signed numbers those from 0x80 are below, too.
        let outside = _mm_cmplt_epi8(bytes, all(0x20));
        // '<' is 0x3C and '>' is 0x3E: they differ in one bit only.
        let angle = equals(_mm_or_si128(bytes, all(2)), b'>');
        let quoting = _mm_or_si128(equals(bytes, b'"'), equals(bytes, b'\\'));
        let marks = _mm_or_si128(_mm_or_si128(outside, angle), _mm_or_si128(quoting, equals(bytes, b'&')));
        _mm_movemask_epi8(marks).cast_unsigned()
    };
    half(0) | half(16) << 16
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn bytewise(block: &[u8; BLOCK]) -> u32 {
    block.iter().rev().fold(0, |marks, &byte| marks << 1 | u32::from(!json_plain(byte)))
}

/// Whether a byte stands for itself; the rule of [`json_special`].
#[must_use]
pub fn json_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte at every place, among bytes that are plain and among those that are not.
    #[test]
    fn each_byte_is_judged_alone() {
        for at in 0..BLOCK {
            for byte in 0..=u8::MAX {
                for around in [b'x', b'"', 0x7F, 0x80, 0xFF, 0, b'=', b'?'] {
                    let mut block = [around; BLOCK];
                    block[at] = byte;
                    assert_eq!(json_special(&block), bytewise(&block), "{byte:#x} at {at} among {around:#x}");
                    assert_eq!(json_special(&block) >> at & 1 == 0, json_plain(byte));
                }
            }
        }
    }
}
