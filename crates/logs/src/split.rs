//! Cuts an output stream into lines, as Docker's copier does.
//!
//! A line is what ends in `\n`; one longer than [`LINE_MAX`] is cut there, each piece being an entry of its own, and so
//! is what stands before the end of the stream without a newline. The pieces of a line carry the time of the first.
//! Whole lines are handed on from the read buffer; only an unfinished tail is copied.

use crate::Time;

/// Where long lines are cut: Docker's copier buffer, which log consumers rely on.
pub(crate) const LINE_MAX: usize = 16 * 1024;

/// Where a piece stands in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The whole line; its newline is not in the bytes.
    Whole,
    /// A piece with more of the line to come, counted from 1.
    More(u32),
    /// The last piece of a cut line; its newline is not in the bytes.
    Last(u32),
}

/// A piece to be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) time: Time,
    pub(crate) part: Part,
}

/// The state of one stream between two reads.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    tail: Vec<u8>,
    /// Pieces of the current line already given out, and the time they carry.
    pieces: u32,
    since: Time,
}

impl Splitter {
    /// Whether the next byte begins a line.
    pub(crate) fn between_lines(&self) -> bool {
        self.tail.is_empty() && self.pieces == 0
    }

    /// Takes the beginning of what was read at `now`, at most one line; how many bytes that were, at least one.
    pub(crate) fn step(&mut self, data: &[u8], now: Time, emit: &mut impl FnMut(Piece<'_>)) -> usize {
        if self.tail.is_empty() {
            let window = &data[..data.len().min(LINE_MAX)];
            return match memchr::memchr(b'\n', window) {
                Some(at) => {
                    self.line(&window[..at], now, emit);
                    at + 1
                }
                None => {
                    if window.len() == LINE_MAX {
                        self.piece(window, now, emit);
                    } else {
                        self.tail.extend_from_slice(window);
                    }
                    window.len()
                }
            };
        }
        let room = LINE_MAX - self.tail.len();
        let window = &data[..data.len().min(room)];
        let newline = memchr::memchr(b'\n', window);
        self.tail.extend_from_slice(&window[..newline.unwrap_or(window.len())]);
        if newline.is_some() || self.tail.len() == LINE_MAX {
            let mut tail = std::mem::take(&mut self.tail);
            if newline.is_some() {
                self.line(&tail, now, emit);
            } else {
                self.piece(&tail, now, emit);
            }
            // Its buffer is kept for the next.
            tail.clear();
            self.tail = tail;
        }
        newline.map_or(window.len(), |at| at + 1)
    }

    /// The stream has ended: gives out what stands without a newline.
    pub(crate) fn end(&mut self, now: Time, emit: &mut impl FnMut(Piece<'_>)) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.piece(&tail, now, emit);
        }
        self.pieces = 0;
    }

    /// The rest of the line was lost: forgets what there is of it. Whether there was something.
    pub(crate) fn forget(&mut self) -> bool {
        let some = !self.tail.is_empty();
        self.tail.clear();
        self.pieces = 0;
        some
    }

    fn line(&mut self, bytes: &[u8], now: Time, emit: &mut impl FnMut(Piece<'_>)) {
        if self.pieces == 0 {
            emit(Piece { bytes, time: now, part: Part::Whole });
        } else {
            emit(Piece { bytes, time: self.since, part: Part::Last(self.pieces + 1) });
            self.pieces = 0;
        }
    }

    fn piece(&mut self, bytes: &[u8], now: Time, emit: &mut impl FnMut(Piece<'_>)) {
        if self.pieces == 0 {
            self.since = now;
        }
        self.pieces += 1;
        emit(Piece { bytes, time: self.since, part: Part::More(self.pieces) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pieces(chunks: &[&[u8]]) -> Vec<(Vec<u8>, Part)> {
        let mut out = Vec::new();
        let mut splitter = Splitter::default();
        let mut emit = |piece: Piece<'_>| out.push((piece.bytes.to_vec(), piece.part));
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                rest = &rest[splitter.step(rest, Time(1), &mut emit)..];
            }
        }
        splitter.end(Time(2), &mut emit);
        out
    }

    #[test]
    fn lines_across_reads() {
        let got = pieces(&[b"a\nb", b"c", b"\n\nd"]);
        let want: Vec<(Vec<u8>, Part)> = vec![
            (b"a".to_vec(), Part::Whole),
            (b"bc".to_vec(), Part::Whole),
            (b"".to_vec(), Part::Whole),
            (b"d".to_vec(), Part::More(1)),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn a_line_of_exactly_the_limit_ends_in_an_empty_last_piece() {
        let line = [vec![b'x'; LINE_MAX], b"\n".to_vec()].concat();
        assert_eq!(pieces(&[&line]), vec![(vec![b'x'; LINE_MAX], Part::More(1)), (vec![], Part::Last(2))]);
    }

    proptest! {
        /// How the bytes arrive must not change what is logged.
        #[test]
        fn reads_do_not_matter(lens in prop::collection::vec(0usize..40_000, 0..6), cuts in prop::collection::vec(1usize..30_000, 0..12)) {
            let mut all = Vec::new();
            for (i, len) in lens.iter().enumerate() {
                all.extend(std::iter::repeat_n(b'a' + u8::try_from(i).unwrap(), *len));
                all.push(b'\n');
            }
            all.extend_from_slice(b"rest");
            let mut chunks = Vec::new();
            let mut rest = &all[..];
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(head);
                rest = tail;
            }
            chunks.push(rest);
            prop_assert_eq!(pieces(&chunks), pieces(&[&all]));
        }
    }
}
