//! Bytes gathered for one `write`, with a way to copy text into them that looks at each byte once.
//!
//! Most of what containers print is plain text in short lines. For those, finding the newline, finding what must be escaped
//! and copying are one pass over blocks of 32 bytes, a known size, which become a few vector instructions; a call of
//! `memchr` and one of `memcpy` for each part of a record cost more than the bytes do.
//!
//! Invariant: whoever asks for room gets a block more, so that a whole block may be stored where only its beginning
//! counts; what lies behind `used` means nothing.

use sys::scan::{BLOCK, json_plain, json_special};

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
            let marks = json_special(block);
            if marks != 0 {
                at += marks.trailing_zeros() as usize;
                self.used += at;
                return at;
            }
            at += BLOCK;
        }
        let rest = &text[at..];
        let plain = rest.iter().position(|&byte| !json_plain(byte)).unwrap_or(rest.len());
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
            prop_assert_eq!(plain, text.iter().position(|&b| !json_plain(b)).unwrap_or(text.len()));
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
            prop_assert_eq!(plain, text.iter().position(|&b| !json_plain(b)).unwrap_or(len));
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
