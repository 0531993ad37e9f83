//! From what a user types to an image: a digest or name, then an ID or the start of one.

use std::sync::Arc;

use errdefs::Result;
use oci::digest::Digest;
use oci::reference::{Reference, is_hex_id};

use crate::catalog::State;
use crate::image::{Image, ImageId};

/// Fewest digits that are taken for the start of an ID.
const PREFIX_MIN: usize = 1;

/// What a user's text can mean.
pub(crate) enum Wanted {
    /// A whole ID.
    Id(ImageId),
    /// A name, completed with `latest`; it may also be the start of an ID.
    Name(Reference),
}

/// Reads what a user typed.
pub(crate) fn parse(text: &str) -> Result<Wanted> {
    if is_hex_id(text) {
        return Ok(Wanted::Id(Digest::from_hex(text)?));
    }
    if let Ok(id) = text.parse::<Digest>() {
        return Ok(Wanted::Id(id));
    }
    Ok(Wanted::Name(stored_form(&Reference::parse(text)?)))
}

/// A name as it is stored: with a tag, or with a digest and then without one, for the digest says what is meant.
pub(crate) fn stored_form(reference: &Reference) -> Reference {
    match reference.digest() {
        Some(digest) => reference.without_suffix().with_digest(*digest),
        None => reference.tag_or_latest(),
    }
}

/// Whether a text names an image by its ID or the start of it.
pub(crate) fn is_id_prefix(id: &ImageId, text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    digits.len() >= PREFIX_MIN && id.hex().starts_with(digits)
}

impl State {
    /// The image of a text; `NotFound` in Docker's words.
    pub(crate) fn find(&self, text: &str) -> Result<Arc<Image>> {
        let wanted = parse(text)?;
        let missing = |shown: String| errdefs::not_found(format!("No such image: {shown}"));
        let name = match wanted {
            Wanted::Id(id) => {
                return self
                    .images
                    .get(&id)
                    .map(|entry| entry.image.clone())
                    .ok_or_else(|| missing(id.to_string()));
            }
            Wanted::Name(name) => name,
        };
        if let Some(entry) = self.names.get(&name).and_then(|id| self.images.get(id)) {
            return Ok(entry.image.clone());
        }
        let mut starting = self.images.values().filter(|entry| is_id_prefix(&entry.image.id, text));
        match (starting.next(), starting.next()) {
            (Some(entry), None) => Ok(entry.image.clone()),
            (Some(_), Some(_)) => {
                Err(errdefs::not_found(format!("No such image: {text} is the start of several IDs")))
            }
            _ => Err(missing(name.familiar())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_ids_or_names() {
        let digest = Digest::of(b"x");
        for (text, expected) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1", "docker.io/library/busybox:1"),
            (&format!("busybox:1@{digest}"), &format!("docker.io/library/busybox@{digest}")),
            ("sha256:abcdef", "docker.io/library/sha256:abcdef"),
        ] {
            let Wanted::Name(name) = parse(text).unwrap() else { panic!("{text} is an ID") };
            assert_eq!(name.canonical_string(), expected);
        }
        assert!(matches!(parse(&digest.hex()).unwrap(), Wanted::Id(id) if id == digest));
        assert!(matches!(parse(&digest.to_string()).unwrap(), Wanted::Id(id) if id == digest));
        assert!(parse("A:b").is_err());
        assert!(is_id_prefix(&digest, &digest.hex()[..4]));
        assert!(is_id_prefix(&digest, &digest.to_string()[..12]));
        assert!(!is_id_prefix(&digest, ""));
    }
}
