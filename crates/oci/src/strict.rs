//! JSON that two parsers could read differently is refused before it is read at all.
//!
//! Two registries' clients once took one digest for different manifests because one kept the first of two equal
//! keys and the other the last, or because one of them matches keys without regard to case (as Go does). Refused:
//! a byte order mark, bytes after the value, and two keys of one object that are equal but for ASCII case. Maps
//! whose keys are free text (annotations) may differ by case, but not be equal.

use std::collections::HashSet;
use std::fmt;

use errdefs::{Result, invalid};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The member whose keys are free text.
const FREE_KEYS: &str = "annotations";

/// Checks that `bytes` are one JSON value without ambiguous keys. `what` names the document in errors.
pub(crate) fn check(bytes: &[u8], what: &str) -> Result<()> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(invalid(format!("invalid {what}: starts with a byte order mark")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Unambiguous { free_keys: false }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| invalid(format!("invalid {what}: {error}")))
}

#[derive(Clone, Copy)]
struct Unambiguous {
    free_keys: bool,
}

impl<'de> DeserializeSeed<'de> for Unambiguous {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unambiguous {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let same = if self.free_keys { key.clone() } else { key.to_ascii_lowercase() };
            if !seen.insert(same) {
                return Err(de::Error::custom(format!("duplicate key {key:?}")));
            }
            map.next_value_seed(Unambiguous { free_keys: key == FREE_KEYS })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Unambiguous { free_keys: false })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
