//! Content digests: `sha256:` and 64 lower-case hex digits, nothing else.
//!
//! A digest becomes a file name, so it is a type that cannot hold a path: every value was checked when it was made.
//! sha384 and sha512, which the specification allows, are refused: no registry in use hands them out, and one
//! algorithm means that equal content has one name.

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// The only algorithm, as it is written in front of the colon and as the directory under `blobs/`.
pub const ALGORITHM: &str = "sha256";

const HASH_BYTES: usize = 32;

/// The sha256 of some content. `Display` writes `sha256:<64 hex>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; HASH_BYTES]);

/// Why a string is not a digest. The texts are those that Docker prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseDigestError {
    /// Not of the form `algorithm:hex`.
    Format,
    /// An algorithm other than sha256.
    Algorithm,
    /// Not 64 digits.
    Length,
}

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "invalid checksum digest format",
            Self::Algorithm => "unsupported digest algorithm",
            Self::Length => "invalid checksum digest length",
        })
    }
}

impl std::error::Error for ParseDigestError {}

impl From<ParseDigestError> for errdefs::Error {
    fn from(error: ParseDigestError) -> Self {
        errdefs::invalid(error.to_string())
    }
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest whose 64 hex digits are `hex`, without the algorithm.
    pub fn from_hex(hex: &str) -> Result<Self, ParseDigestError> {
        if hex.len() != 2 * HASH_BYTES {
            return Err(ParseDigestError::Length);
        }
        let mut bytes = [0; HASH_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(bytes))
    }

    /// The 64 hex digits alone: safe as a file name.
    pub fn hex(&self) -> String {
        // Lists show thousands of them: formatting byte by byte would be most of the time that a list takes.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let mut text = String::with_capacity(2 * HASH_BYTES);
        text.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
        text
    }

    /// The first 12 hex digits, as `docker images` shows an ID.
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }

    /// The 32 raw bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

// Upper-case digits are refused, as by Docker: else one content would have many names.
fn nibble(digit: u8) -> Result<u8, ParseDigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseDigestError::Format),
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(ParseDigestError::Format)?;
        if algorithm.is_empty() || hex.is_empty() {
            return Err(ParseDigestError::Format);
        }
        if algorithm != ALGORITHM {
            return Err(ParseDigestError::Algorithm);
        }
        Self::from_hex(hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALGORITHM)?;
        f.write_str(":")?;
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A running sha256, for content that comes in pieces.
#[derive(Clone)]
pub struct Hasher(ring::digest::Context);

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything taken in.
    pub fn finish(self) -> Digest {
        let hash = self.0.finish();
        let mut bytes = [0; HASH_BYTES];
        bytes.copy_from_slice(hash.as_ref());
        Digest(bytes)
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn digest_of_nothing_is_the_known_one_and_round_trips() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(EMPTY.parse(), Ok(digest));
        assert_eq!(serde_json::from_str::<Digest>(&format!("\"{EMPTY}\"")).unwrap(), digest);
        assert_eq!(serde_json::to_string(&digest).unwrap(), format!("\"{EMPTY}\""));
        assert_eq!(digest.short(), "e3b0c44298fc");
    }

    #[test]
    fn cve_2024_3727_only_sha256_and_64_lower_hex_parse() {
        let a = "a".repeat(64);
        for (text, why) in [
            (String::new(), ParseDigestError::Format),
            (a.clone(), ParseDigestError::Format),
            (format!(":{a}"), ParseDigestError::Format),
            ("sha256:".into(), ParseDigestError::Format),
            ("sha256:../../../etc/passwd".into(), ParseDigestError::Length),
            (format!("sha256:{}", "../".repeat(21) + "x"), ParseDigestError::Format),
            (format!("sha256:{}", "A".repeat(64)), ParseDigestError::Format),
            (format!("sha256:{}", "g".repeat(64)), ParseDigestError::Format),
            (format!("sha256:{a}a"), ParseDigestError::Length),
            (format!("sha256:{}\n", &a[1..]), ParseDigestError::Format),
            (format!("sha256:{}", "é".repeat(32)), ParseDigestError::Format),
            (format!("SHA256:{a}"), ParseDigestError::Algorithm),
            (format!("md5:{a}"), ParseDigestError::Algorithm),
            (format!("sha512:{a}{a}"), ParseDigestError::Algorithm),
            (format!("sha256+x:{a}"), ParseDigestError::Algorithm),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(why), "{text}");
        }
    }

    #[test]
    fn pieces_hash_as_the_whole() {
        let mut hasher = Hasher::new();
        hasher.update(b"ab");
        hasher.update(b"c");
        assert_eq!(hasher.finish(), Digest::of(b"abc"));
    }
}
