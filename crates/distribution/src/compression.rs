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
    /// bzip2.
    Bzip2,
    /// xz.
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

impl Compression {
    /// Whether registries have a media type for layers in this form. Docker takes bzip2 and xz in, but sends them to
    /// nobody.
    pub fn is_of_layers(self) -> bool {
        !matches!(self, Self::Bzip2 | Self::Xz)
    }
}

/// Reads plain bytes whatever `source` is. The decoders are all fed by strangers: each takes a bounded amount of memory,
/// and those of bzip2 and xz, which are rarely met, are the ones without `unsafe` where there is a choice.
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
            let source = Prefixed { prefix: io::Cursor::new(start), rest: source };
            Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(source)))
        }
        Compression::Xz => {
            let source = Prefixed { prefix: io::Cursor::new(start), rest: source };
            Ok(Box::new(lzma_rust2::XzReader::new_mem_limit(source, true, limits::XZ_MEMORY_KIB)))
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

    /// `echo hello | bzip2`, `echo hello | xz` and the same with `--lzma2=dict=1GiB`.
    const HELLO_BZIP2: &[u8] = &[
        0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0xc1, 0xc0, 0x80, 0xe2, 0x00, 0x00, 0x01,
        0x41, 0x00, 0x00, 0x10, 0x02, 0x44, 0xa0, 0x00, 0x30, 0xcd, 0x00, 0xc3, 0x46, 0x29, 0x97, 0x17, 0x72,
        0x45, 0x38, 0x50, 0x90, 0xc1, 0xc0, 0x80, 0xe2,
    ];
    const HELLO_XZ: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x16,
        0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a, 0x00,
        0x00, 0x00, 0xa5, 0x60, 0x97, 0xf1, 0x94, 0xf6, 0xfd, 0xe0, 0x00, 0x01, 0x1e, 0x06, 0xc1, 0x2f, 0xa4,
        0x1d, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];
    const HELLO_XZ_1_GIB: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x24,
        0x00, 0x00, 0x00, 0x5e, 0x1f, 0xc7, 0xf9, 0x01, 0x00, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a, 0x00,
        0x00, 0x00, 0xa5, 0x60, 0x97, 0xf1, 0x94, 0xf6, 0xfd, 0xe0, 0x00, 0x01, 0x1e, 0x06, 0xc1, 0x2f, 0xa4,
        0x1d, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];

    #[test]
    fn bzip2_and_xz_read_back_also_as_several_streams() {
        for one in [HELLO_BZIP2, HELLO_XZ] {
            assert_eq!(plain(one), b"hello\n");
            assert_eq!(plain(&[one, one].concat()), b"hello\nhello\n");
            for end in 6..one.len() {
                assert!(decompress(&one[..end]).unwrap().read_to_end(&mut Vec::new()).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn an_xz_stream_that_wants_too_much_memory_is_refused() {
        let error = decompress(HELLO_XZ_1_GIB).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{error}");
    }
}
