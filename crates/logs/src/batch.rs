//! Bytes gathered for one `write`, with a way to copy text into them that looks at each byte once.
//!
//! Most of what containers print is plain text in short lines. For those, finding the newline, finding what must be escaped
//! and copying are one pass over blocks of [`BLOCK`] bytes of known size, which become a few vector instructions; a call of
//! `memchr` and one of `memcpy` for each part of a record cost more than the bytes do.
//!
//! Invariant: whoever asks for room gets [`BLOCK`] bytes more, so that a whole block may be stored where only its beginning
//! counts; what lies behind `used` means nothing.

/// Bytes looked at and copied at a time.
const BLOCK: usize = 32;
/// The room that is made at first. Its pages take no memory until they are written to.
const ROOM: usize = 160 * 1024;

/// The buffer.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    space: Vec<u8>,
    used: usize,
}

/// A piece of text to be put many times, so stored that it can be copied in whole blocks.
#[derive(Debug, Default)]
pub(crate) struct Padded {
    blocks: Vec<[u8; BLOCK]>,
    len: usize,
}

impl Padded {
    pub(crate) fn new(text: &[u8]) -> Self {
        let block = |chunk: &[u8]| {
            let mut block = [0; BLOCK];
            block[..chunk.len()].copy_from_slice(chunk);
            block
        };
        Self { blocks: text.chunks(BLOCK).map(block).collect(), len: text.len() }
    }
}

impl Batch {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.space[..self.used]
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// Forgets what was put after there were `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.used = self.used.min(len);
    }

    pub(crate) fn put(&mut self, text: &[u8]) {
        self.room(text.len())[..text.len()].copy_from_slice(text);
        self.used += text.len();
    }

    pub(crate) fn put_padded(&mut self, text: &Padded) {
        let room = self.room(text.blocks.len() * BLOCK);
        for (to, block) in room.as_chunks_mut().0.iter_mut().zip(&text.blocks) {
            *to = *block;
        }
        self.used += text.len;
    }

    /// Puts what stands in front of the first byte of `text` that a JSON string cannot hold as it is; how many bytes
    /// these are.
    pub(crate) fn put_plain(&mut self, text: &[u8]) -> usize {
        let room = self.room(text.len());
        let mut at = 0;
        while let (Some(block), Some(to)) = (text[at..].first_chunk(), room[at..].first_chunk_mut()) {
            *to = *block;
            if let Some(plain) = first_special(block) {
                self.used += at + plain;
                return at + plain;
            }
            at += BLOCK;
        }
        let rest = &text[at..];
        let plain = rest.iter().position(|&byte| !is_plain(byte)).unwrap_or(rest.len());
        room[at..at + plain].copy_from_slice(&rest[..plain]);
        self.used += at + plain;
        at + plain
    }

    /// What is free, `more` bytes and a block at least.
    fn room(&mut self, more: usize) -> &mut [u8] {
        let wanted = self.used + more + BLOCK;
        if self.space.len() < wanted {
            self.grow(wanted);
        }
        &mut self.space[self.used..]
    }

    #[cold]
    fn grow(&mut self, wanted: usize) {
        // Not `resize`, which would write to all of it.
        let mut space = vec![0; wanted.max(ROOM)];
        space[..self.used].copy_from_slice(self.bytes());
        self.space = space;
    }
}

/// Whether a byte stands for itself in a JSON string as Docker's writer makes it.
fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
}

/// Where the first byte that is not plain is.
#[inline]
fn first_special(block: &[u8; BLOCK]) -> Option<usize> {
    let mut marks = [0; BLOCK / 8];
    for (mark, word) in marks.iter_mut().zip(block.as_chunks().0) {
        *mark = special(u64::from_le_bytes(*word));
    }
    if marks == [0; BLOCK / 8] {
        return None;
    }
    let word = marks.iter().position(|&mark| mark != 0)?;
    Some(word * 8 + marks[word].trailing_zeros() as usize / 8)
}

/// The high bit of each byte that needs escaping; exact up to and including the first such byte (a borrow can only
/// reach bytes above a hit).
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |n: u64| word.wrapping_sub(ONES * n) & !word;
    let equals = |b: u8| {
        let x = word ^ (ONES * u64::from(b));
        x.wrapping_sub(ONES) & !x
    };
    // '<' is 0x3C and '>' is 0x3E: they differ in one bit only.
    let angle = {
        let x = (word | (ONES * 2)) ^ (ONES * u64::from(b'>'));
        x.wrapping_sub(ONES) & !x
    };
    (word | below(0x20) | equals(b'"') | equals(b'\\') | equals(b'&') | angle) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn grows_and_keeps_what_it_has() {
        let mut batch = Batch::default();
        let text: Vec<u8> = (0..ROOM + 1000).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
        for piece in text.chunks(777) {
            batch.put(piece);
        }
        assert_eq!(batch.bytes(), text);
        batch.truncate(10);
        batch.put_padded(&Padded::new(b"end"));
        assert_eq!(batch.bytes(), [&text[..10], b"end"].concat());
    }

    proptest! {
        #[test]
        fn plain_text_is_put_up_to_what_the_table_says(text in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut batch = Batch::default();
            let plain = batch.put_plain(&text);
            prop_assert_eq!(plain, text.iter().position(|&b| !is_plain(b)).unwrap_or(text.len()));
            prop_assert_eq!(batch.bytes(), &text[..plain]);
        }

        #[test]
        fn what_is_mostly_plain_too(at in 0usize..200, byte in any::<u8>(), len in 0usize..200) {
            let mut text = vec![b'x'; len];
            if let Some(place) = text.get_mut(at) {
                *place = byte;
            }
            let mut batch = Batch::default();
            let plain = batch.put_plain(&text);
            prop_assert_eq!(plain, text.iter().position(|&b| !is_plain(b)).unwrap_or(len));
            prop_assert_eq!(batch.bytes(), &text[..plain]);
        }

        #[test]
        fn padded_text_is_put_as_it_is(text in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut batch = Batch::default();
            batch.put(b"in front");
            batch.put_padded(&Padded::new(&text));
            prop_assert_eq!(batch.bytes(), [&b"in front"[..], &text].concat());
        }
    }
}
