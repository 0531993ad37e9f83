//! Compressed streams: what they are by their first bytes, reading them, and writing gzip so that equal input gives
//! equal output.
//!
//! The kind is told by the bytes and not by a media type, as Docker does: registries and builders get media types
//! wrong, and a wrong kind cannot do harm, for the plain bytes have a digest too.

use std::io::{self, BufRead, BufReader, Read};

use errdefs::Result;

use crate::limits;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of any number of members.
    Gzip,
    /// zstd.
    Zstd,
    /// bzip2: known, not supported.
    Bzip2,
    /// xz: known, not supported.
    Xz,
}

impl Compression {
    /// Tells the kind by the first bytes of a stream.
    pub fn detect(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd, // begins with a skippable frame
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }
}

/// Reads plain bytes whatever `source` is. bzip2 and xz are refused by name: nothing in the wild ships them as layers,
/// and each would be another decoder fed by strangers.
pub fn decompress<'a>(source: impl Read + Send + 'a) -> Result<Box<dyn Read + Send + 'a>> {
    let mut source = BufReader::with_capacity(limits::PIPE_CHUNK, source);
    let start = first_bytes(&mut source).map_err(crate::blob::unwrap_io)?;
    match Compression::detect(&start) {
        Compression::None => Ok(Box::new(Prefixed { prefix: io::Cursor::new(start), rest: source })),
        Compression::Gzip => Ok(Box::new(flate2::bufread::MultiGzDecoder::new(Prefixed {
            prefix: io::Cursor::new(start),
            rest: source,
        }))),
        Compression::Zstd => {
            let source = Prefixed { prefix: io::Cursor::new(start), rest: source };
            Ok(Box::new(zstd::stream::read::Decoder::with_buffer(source)?))
        }
        Compression::Bzip2 => {
            Err(errdefs::not_implemented("bzip2 compression is not supported: use gzip, zstd or none"))
        }
        Compression::Xz => {
            Err(errdefs::not_implemented("xz compression is not supported: use gzip, zstd or none"))
        }
    }
}

/// Up to six bytes, taken out of the stream: a short first read must not hide what it is.
fn first_bytes(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(6);
    source.take(6).read_to_end(&mut start)?;
    Ok(start)
}

/// Bytes that were read too early, then the rest.
struct Prefixed<R> {
    prefix: io::Cursor<Vec<u8>>,
    rest: BufReader<R>,
}

impl<R: Read> Prefixed<R> {
    fn in_prefix(&self) -> bool {
        (self.prefix.position() as usize) < self.prefix.get_ref().len()
    }
}

impl<R: Read> Read for Prefixed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.in_prefix() { self.prefix.read(buffer) } else { self.rest.read(buffer) }
    }
}

impl<R: Read> BufRead for Prefixed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.in_prefix() { self.prefix.fill_buf() } else { self.rest.fill_buf() }
    }

    fn consume(&mut self, amount: usize) {
        if self.in_prefix() { self.prefix.consume(amount) } else { self.rest.consume(amount) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn plain(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        decompress(bytes).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_supported_kind_reads_back() {
        let text: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
        assert_eq!(plain(&text), text);
        assert_eq!(plain(&gzip(&text)), text);
        assert_eq!(plain(&zstd::encode_all(&text[..], 1).unwrap()), text);
        let members = [gzip(&text[..1000]), gzip(&text[1000..])].concat();
        assert_eq!(plain(&members), text, "several gzip members are one stream");
        assert_eq!(plain(b""), b"");
        assert_eq!(plain(b"abc"), b"abc");
    }

    #[test]
    fn a_cut_stream_is_an_error_and_not_a_short_result() {
        let text: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        for whole in [gzip(&text), zstd::encode_all(&text[..], 1).unwrap()] {
            let cut = &whole[..whole.len() / 2];
            assert!(decompress(cut).unwrap().read_to_end(&mut Vec::new()).is_err());
        }
    }

    #[test]
    fn unsupported_kinds_are_named() {
        for (start, name) in [(&b"BZh91AY&SY"[..], "bzip2"), (b"\xfd7zXZ\0\0\0", "xz")] {
            let error = decompress(start).map(|_| ()).unwrap_err();
            assert_eq!(error.class(), errdefs::Class::NotImplemented);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
