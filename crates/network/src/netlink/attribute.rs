//! Reads attributes out of an answer.

use errdefs::Result;

use super::encoder::align;

/// Without the bits that say how the value is encoded.
const KIND_MASK: u16 = 0x3fff;
const HEADER: usize = 4;

/// The attributes in `bytes`, each with its kind and value. A wrong length is an error.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<(u16, &[u8])>> {
    let mut attributes = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let wrong = || errdefs::system("a netlink attribute with a wrong length");
        let header = rest.first_chunk::<HEADER>().ok_or_else(wrong)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let value = rest.get(HEADER..length).ok_or_else(wrong)?;
        attributes.push((u16::from_ne_bytes([header[2], header[3]]) & KIND_MASK, value));
        rest = rest.get(align(length)..).unwrap_or_default();
    }
    Ok(attributes)
}

/// The value of the first attribute of this kind.
pub(crate) fn find<'a>(attributes: &[(u16, &'a [u8])], kind: u16) -> Option<&'a [u8]> {
    attributes.iter().find(|(k, _)| *k == kind).map(|(_, value)| *value)
}

/// A string without its terminating zero, if it is UTF-8.
pub(crate) fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value.split(|byte| *byte == 0).next()?).ok()
}

/// A number in the machine's byte order.
pub(crate) fn u32(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// A number in the machine's byte order.
pub(crate) fn u64(value: &[u8]) -> Option<u64> {
    value.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_padded_last_attribute_may_lack_its_padding() {
        let bytes = [5, 0, 1, 0x80, 7];
        assert_eq!(parse(&bytes).unwrap(), vec![(1, &[7_u8][..])]);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic_or_read_outside(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(attributes) = parse(&bytes) {
                let total: usize = attributes.iter().map(|(_, value)| value.len() + HEADER).sum();
                prop_assert!(total <= bytes.len());
            }
        }
    }
}
