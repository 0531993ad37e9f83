//! Reading ahead: one thread reads and hashes a stream, another uses it.
//!
//! The reader is mostly a decompressor, so reading, hashing and making files take about as long as each other; on two
//! threads the whole takes as long as the slower half. Memory is [`PIECES`] pieces and no more.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use errdefs::{Context, Result, system};
use oci::digest::{Digest, Hasher};

const PIECE: usize = 256 << 10;
/// Pieces in flight: enough that neither side waits for a large file's write-back to begin.
const PIECES: usize = 8;

/// Gives `source` to `consume`, and, if that succeeds, the digest of all of it: also of what `consume` left.
pub(crate) fn hashed<T>(
    source: impl Read + Send,
    consume: impl FnOnce(&mut Pieces) -> Result<T>,
) -> Result<(T, Digest)> {
    let (full_sender, full) = sync_channel(PIECES);
    let (empty, empty_receiver) = channel();
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_all(source, &full_sender, &empty_receiver));
        let mut pieces = Pieces { full, empty, piece: Vec::new(), at: 0 };
        let result = consume(&mut pieces).and_then(|value| {
            pieces.drain()?;
            Ok(value)
        });
        drop(pieces); // a reader that still sends gets an error and ends
        let digest = reader.join().map_err(|_| system("the reader of a layer panicked"))?;
        Ok((result?, digest))
    })
}

fn read_all(
    mut source: impl Read,
    full: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) -> Digest {
    let mut hasher = Hasher::new();
    loop {
        let mut piece = empty.try_recv().unwrap_or_default();
        let read = fill(&mut source, &mut piece);
        hasher.update(&piece);
        let end = piece.is_empty();
        let gone = !end && full.send(Ok(piece)).is_err();
        match read {
            Err(error) => {
                let _ = full.send(Err(error)); // nobody is there to be told if this fails
                break;
            }
            Ok(()) if end || gone => break,
            Ok(()) => {}
        }
    }
    hasher.finish()
}

/// Fills `piece`; less than a whole one only at the stream's end.
fn fill(source: &mut impl Read, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.clear();
    source.by_ref().take(PIECE as u64).read_to_end(piece).map(drop)
}

/// The consumer's end of the stream.
pub(crate) struct Pieces {
    full: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Pieces {
    fn drain(&mut self) -> Result<()> {
        loop {
            let count = self.fill_buf().context(|| "read tar")?.len();
            if count == 0 {
                return Ok(());
            }
            self.consume(count);
        }
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len()
            && let Ok(next) = self.full.recv()
        {
            let used = std::mem::replace(&mut self.piece, next?);
            self.at = 0;
            let _ = self.empty.send(used); // the reader may have ended
        }
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_everything_also_of_what_was_not_read() {
        let bytes: Vec<u8> = (0..3 * PIECE + 17).map(|n| (n % 251) as u8).collect();
        let (head, digest) = hashed(&bytes[..], |pieces| {
            let mut head = vec![0; PIECE + 1];
            pieces.read_exact(&mut head)?;
            Ok(head)
        })
        .unwrap();
        assert_eq!(head, bytes[..=PIECE]);
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(hashed(io::empty(), |_| Ok(())).unwrap().1, Digest::of(b""));
    }

    #[test]
    fn a_failing_source_fails_the_whole_and_a_failing_consumer_ends_the_reader() {
        struct Fails(usize);
        impl Read for Fails {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::Error::other("source broke"));
                }
                let count = self.0.min(buffer.len());
                self.0 -= count;
                Ok(count)
            }
        }
        for size in [0, 10, PIECE, PIECE + 1] {
            let error = hashed(Fails(size), |_| Ok(())).unwrap_err();
            assert!(error.to_string().contains("source broke"), "{error}");
        }
        let endless = io::repeat(1);
        let error = hashed(endless, |_| Err::<(), _>(errdefs::invalid("no"))).unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
