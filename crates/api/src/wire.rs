//! How wire types are declared: one line a field, with Docker's rules for missing, null and empty values.
//!
//! `wire!` gives each struct a container-level default (a missing field is its zero value) and reads `null` as the
//! zero value as well, as Go's decoder does. A field marked `#[serde(skip_serializing_if = "empty")]` is Go's
//! `omitempty`. Written by a macro because forgetting the rule on one field of two hundred would go unnoticed.

use std::fmt;
use std::ops::Deref;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// `{}`: the value of a set's element. Reads anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Empty;

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::ser::SerializeMap::end(serializer.serialize_map(Some(0))?)
    }
}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Empty)
    }
}

/// A command line: written as an array of strings, read from that or from one string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StrSlice(pub Vec<String>);

impl Deref for StrSlice {
    type Target = Vec<String>;
    fn deref(&self) -> &Vec<String> {
        &self.0
    }
}

impl From<Vec<String>> for StrSlice {
    fn from(words: Vec<String>) -> Self {
        Self(words)
    }
}

impl<'de> Deserialize<'de> for StrSlice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Vec<String>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(vec![text.to_owned()])
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = seq.next_element::<Option<String>>()? {
                    words.push(word.unwrap_or_default());
                }
                Ok(words)
            }
        }
        deserializer.deserialize_any(Words).map(Self)
    }
}

/// Reads `null` as the zero value.
pub(crate) fn nullable<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// True for the zero value: Go's `omitempty`.
pub(crate) fn empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Declares wire structs whose field names follow the case rule given first. `..part: T,` in front of the fields puts
/// the fields of `T` among them, and `; ..part: T,` between fields does so in that place; it must not go through [`nullable`], which would swallow a mistyped field of `T`.
macro_rules! wire {
    ($case:literal; $($(#[$meta:meta])* $name:ident {
        $(.. $flat:ident: $flat_ty:ty,)*
        $($(#[$fmeta:meta])* $field:ident: $ty:ty,)*
        $(; .. $part:ident: $part_ty:ty, $($(#[$lmeta:meta])* $later:ident: $later_ty:ty,)*)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = $case, default)]
        pub struct $name {
            $(#[serde(flatten)] pub $flat: $flat_ty,)*
            $($(#[$fmeta])* #[serde(deserialize_with = "crate::wire::nullable")] pub $field: $ty,)*
            $(#[serde(flatten)] pub $part: $part_ty,
            $($(#[$lmeta])* #[serde(deserialize_with = "crate::wire::nullable")] pub $later: $later_ty,)*)?
        }
    )*};
}
pub(crate) use wire;
