//! Reading ahead: one thread reads and hashes a stream, another uses it.
//!
//! The reader is mostly a decompressor, so reading, hashing and making files take about as long as each other; on two
//! threads the whole takes as long as the slower half. Memory is a few [`PIECE`]s and no more.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use errdefs::{Context, Result, system};
use oci::digest::{Digest, Hasher};

/// Small enough that what the reader wrote is still in the processor's cache when it is used.
const PIECE: usize = 128 << 10;
/// Pieces in flight: enough that neither side waits for the other's short pauses.
const PIECES: usize = 6;

/// A buffer, and how many bytes at its start are filled.
struct Piece {
    bytes: Box<[u8]>,
    filled: usize,
}

/// Gives `source` to `consume`, and, if that succeeds, the digest of all of it: also of what `consume` left.
pub(crate) fn hashed<T>(
    source: impl Read + Send,
    consume: impl FnOnce(&mut Pieces) -> Result<T>,
) -> Result<(T, Digest)> {
    let (full_sender, full) = sync_channel(PIECES);
    let (empty, empty_receiver) = channel();
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_all(source, &full_sender, &empty_receiver));
        let mut pieces = Pieces { full, empty, piece: Piece { bytes: Box::default(), filled: 0 }, at: 0 };
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
    full: &SyncSender<io::Result<Piece>>,
    empty: &Receiver<Box<[u8]>>,
) -> Digest {
    let mut hasher = Hasher::new();
    loop {
        let mut bytes = empty.try_recv().unwrap_or_else(|_| vec![0; PIECE].into());
        let (filled, read) = fill(&mut source, &mut bytes);
        hasher.update(&bytes[..filled]);
        let end = filled == 0;
        let gone = !end && full.send(Ok(Piece { bytes, filled })).is_err();
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

/// Fills `bytes`, less than wholly only at the stream's end or at an error. (Not `read_to_end`, which begins with
/// small reads each time.)
fn fill(source: &mut impl Read, bytes: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

/// The consumer's end of the stream.
pub(crate) struct Pieces {
    full: Receiver<io::Result<Piece>>,
    empty: Sender<Box<[u8]>>,
    piece: Piece,
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
        if self.at == self.piece.filled
            && let Ok(next) = self.full.recv()
        {
            let used = std::mem::replace(&mut self.piece, next?);
            self.at = 0;
            if used.filled > 0 {
                let _ = self.empty.send(used.bytes); // the reader may have ended
            }
        }
        Ok(&self.piece.bytes[self.at..self.piece.filled])
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
