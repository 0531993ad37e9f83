//! How wire types are declared: one line a field, with Docker's rules for missing, null and empty values.
//!
//! `wire!` reads a struct as Go's decoder does: a missing field and `null` are its zero value, names match in any case,
//! of a name given twice the last counts, and what is not known is skipped. A field marked
//! `#[serde(skip_serializing_if = "empty")]` is Go's `omitempty`. Written by a macro because forgetting the rule on one
//! field of two hundred would go unnoticed; not derived, because serde's reader knows names in one case only and does not
//! tell an adapter the names in a flattened part.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::json::mistake::{Mistake, Place};
use crate::json::syntax::Node;

/// `{}`: the value of a set's element. Reads any object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Empty;

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::ser::SerializeMap::end(serializer.serialize_map(Some(0))?)
    }
}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;
        impl<'de> Visitor<'de> for Anything {
            type Value = Empty;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Empty, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Empty)
            }
        }
        deserializer.deserialize_map(Anything)
    }
}

/// A command line: written as an array of strings, read from that or from one string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StrSlice(pub Vec<String>);

impl<'a> IntoIterator for &'a StrSlice {
    type Item = &'a String;
    type IntoIter = std::slice::Iter<'a, String>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

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

/// A struct whose fields are read one by one.
pub(crate) trait Fields: Default {
    /// The Rust path, for errors.
    const PATH: &'static str;

    /// Reads the value that comes next in `map` into the field called `key`; false, with nothing read, if there is none.
    ///
    /// # Errors
    /// If the value is not one of the field's type.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;

    /// Looks whether `node` fits the field called `key`; true if there is one.
    ///
    /// # Errors
    /// The first value in it that is not of its type.
    fn check(key: &str, node: &Node, place: &mut Place) -> Result<bool, Mistake>;
}

/// Reads a whole struct from an object.
pub(crate) fn read<'de, T: Fields, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(Object(PhantomData))
}

/// Looks for what is not of its type in an object.
pub(crate) fn look<T: Fields + Value>(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
    let Node::Object(fields) = node else { return place.mistake(node, wanted::<T>(named)) };
    let mut fields = fields.iter();
    fields.try_for_each(|(key, node)| {
        place.inside(key, |place| <T as Fields>::check(key, node, place)).map(drop)
    })
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for Object<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "struct {}", T::PATH)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut value = T::default();
        while let Some(key) = map.next_key_seed(Key)? {
            if !value.read(&key, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(value)
    }
}

/// A name; copied only if it is written with escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
    fn visit_string<E>(self, key: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key))
    }
}

/// A value as Go decodes it: `null` is the zero value, in lists and maps as well, and an array of fixed length takes what
/// fits.
pub(crate) trait Value: Default {
    /// Reads one that is not `null`.
    ///
    /// # Errors
    /// If it is not of the type.
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// What the type is called in Docker's code.
    fn go() -> Cow<'static, str>;

    /// Looks whether `node`, which is not `null`, is of this type; `named` is another name for it.
    ///
    /// # Errors
    /// The first value in it that is not of its type.
    fn look(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake>;

    /// The same for any `node`.
    ///
    /// # Errors
    /// As [`Value::look`].
    fn check(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
        if *node == Node::Null { Ok(()) } else { Self::look(node, named, place) }
    }
}

/// A type's own name in Docker's code, where it does not follow from ours.
type Named = Option<&'static str>;

/// The name of a `T`.
fn wanted<T: Value>(named: Named) -> Cow<'static, str> {
    named.map_or_else(T::go, Cow::Borrowed)
}

macro_rules! plain {
    ($($ty:ty: $node:pat => $go:literal,)*) => {$(
        impl Value for $ty {
            fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize(deserializer)
            }
            fn go() -> Cow<'static, str> {
                Cow::Borrowed($go)
            }
            fn look(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
                match node {
                    $node => Ok(()),
                    _ => place.mistake(node, wanted::<Self>(named)),
                }
            }
        }
    )*};
}
plain! {
    bool: Node::Bool => "bool",
    String: Node::Text => "string",
    Empty: Node::Object(_) => "struct {}",
    crate::Time: Node::Text => "time.Time",
}

impl Value for serde_json::Value {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
    fn go() -> Cow<'static, str> {
        Cow::Borrowed("interface {}")
    }
    fn look(_: &Node, _: Named, _: &mut Place) -> Result<(), Mistake> {
        Ok(())
    }
}

macro_rules! numbers {
    ($($ty:ident = $go:literal;)*) => {$(
        impl Value for $ty {
            fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize(deserializer)
            }
            fn go() -> Cow<'static, str> {
                Cow::Borrowed($go)
            }
            fn look(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
                match node {
                    Node::Number(text) if text.parse::<$ty>().is_ok() => Ok(()),
                    Node::Number(text) => place.misfit(text, wanted::<Self>(named)),
                    _ => place.mistake(node, wanted::<Self>(named)),
                }
            }
        }
    )*};
}
numbers! {
    u8 = "uint8";
    u16 = "uint16";
    u32 = "uint";
    u64 = "uint64";
    i64 = "int64";
}

impl Value for StrSlice {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
    fn go() -> Cow<'static, str> {
        Cow::Borrowed("strslice.StrSlice")
    }
    fn look(node: &Node, _: Named, _: &mut Place) -> Result<(), Mistake> {
        match node {
            Node::Text => Ok(()),
            Node::List(items) if items.iter().all(|item| matches!(item, Node::Text | Node::Null)) => Ok(()),
            _ => Place::lost(node, "string"),
        }
    }
}

impl<T: Value> Value for Option<T> {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::decode(deserializer).map(Some)
    }
    fn go() -> Cow<'static, str> {
        T::go()
    }
    fn look(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
        T::look(node, named, place)
    }
}

impl<T: Value> Value for Box<T> {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::decode(deserializer).map(Self::new)
    }
    fn go() -> Cow<'static, str> {
        T::go()
    }
    fn look(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
        T::look(node, named, place)
    }
}

impl<T: Value> Value for Vec<T> {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Value> Visitor<'de> for List<T> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element_seed(Nullable(PhantomData))? {
                    list.push(item);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
    fn go() -> Cow<'static, str> {
        Cow::Owned(format!("[]{}", T::go()))
    }
    fn look(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
        let Node::List(items) = node else { return place.mistake(node, wanted::<Self>(named)) };
        let mut numbered = items.iter().enumerate();
        numbered.try_for_each(|(at, item)| place.inside(&at.to_string(), |place| T::check(item, None, place)))
    }
}

impl<T: Value, const N: usize> Value for [T; N]
where
    [T; N]: Default,
{
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<T>::decode(deserializer)?;
        let mut array = Self::default();
        for (place, item) in array.iter_mut().zip(list) {
            *place = item;
        }
        Ok(array)
    }
    fn go() -> Cow<'static, str> {
        Cow::Owned(format!("[{N}]{}", T::go()))
    }
    fn look(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
        Vec::<T>::look(node, named, place).or_else(|mistake| match node {
            Node::List(_) => Err(mistake),
            _ => place.mistake(node, wanted::<Self>(named)),
        })
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Value> Visitor<'de> for Entries<T> {
            type Value = BTreeMap<String, T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    entries.insert(key, map.next_value_seed(Nullable(PhantomData))?);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
    fn go() -> Cow<'static, str> {
        Cow::Owned(format!("map[string]{}", T::go()))
    }
    fn look(node: &Node, named: Named, place: &mut Place) -> Result<(), Mistake> {
        let Node::Object(entries) = node else { return place.mistake(node, wanted::<Self>(named)) };
        let mut entries = entries.iter();
        entries.try_for_each(|(key, value)| place.inside(key, |place| T::check(value, None, place)))
    }
}

/// Reads one value, `null` as the zero value.
struct Nullable<T>(PhantomData<T>);

impl<'de, T: Value> DeserializeSeed<'de> for Nullable<T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Value> Visitor<'de> for Nullable<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }
    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::decode(deserializer)
    }
}

/// Reads the next value of `map`.
pub(crate) fn value<'de, T: Value, A: MapAccess<'de>>(map: &mut A) -> Result<T, A::Error> {
    map.next_value_seed(Nullable(PhantomData))
}

/// True if `key` is the wire name of the field `name`, in any case. The wire name is the field's without its
/// underscores (with them, where the case rule is `snake_case`); in a few, a point stands in the place of one.
pub(crate) fn called(name: &str, case: &str, key: &str) -> bool {
    let mut name = name.strip_prefix("r#").unwrap_or(name).bytes().peekable();
    for mut letter in key.chars() {
        letter = match letter {
            // Two letters outside ASCII fold to one inside, for Go as well.
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            other => other.to_ascii_lowercase(),
        };
        if name.peek() == Some(&b'_') && letter != '_' {
            name.next();
            match letter {
                '.' => continue,
                _ if case == "snake_case" => return false,
                _ => {}
            }
        } else if letter == '_' && case != "snake_case" {
            return false;
        }
        if !letter.is_ascii() || name.next() != Some(letter as u8) {
            return false;
        }
    }
    name.next().is_none()
}

/// True for the zero value: Go's `omitempty`.
pub(crate) fn empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The same of a list or map that may be missing: one without items is left out too.
pub(crate) fn bare<T>(value: &Option<T>) -> bool
where
    for<'a> &'a T: IntoIterator,
{
    value.as_ref().is_none_or(|items| items.into_iter().next().is_none())
}

/// Declares wire structs whose field names follow the case rule given first; another wire name may differ from the
/// field's in case and underscores only (see [`called`]). `..part: T,` in front of the fields puts the fields of `T` among
/// them, and `; ..part: T,` between fields does so in that place.
macro_rules! wire {
    ($case:literal; $($(#[$meta:meta])* $name:ident {
        $(.. $flat:ident: $flat_ty:ty,)*
        $($(#[$fmeta:meta])* $field:ident: $ty:ty,)*
        $(; .. $part:ident: $part_ty:ty, $($(#[$lmeta:meta])* $later:ident: $later_ty:ty,)*)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
        #[serde(rename_all = $case)]
        pub struct $name {
            $(#[serde(flatten)] pub $flat: $flat_ty,)*
            $($(#[$fmeta])* pub $field: $ty,)*
            $(#[serde(flatten)] pub $part: $part_ty,
            $($(#[$lmeta])* pub $later: $later_ty,)*)?
        }

        impl crate::wire::Fields for $name {
            const PATH: &'static str = concat!(module_path!(), "::", stringify!($name));

            fn read<'de, A>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>
            where
                A: serde::de::MapAccess<'de>,
            {
                $(if crate::wire::called(stringify!($field), $case, key) {
                    self.$field = crate::wire::value(map)?;
                    return Ok(true);
                })*
                $($(if crate::wire::called(stringify!($later), $case, key) {
                    self.$later = crate::wire::value(map)?;
                    return Ok(true);
                })*)?
                $(if crate::wire::Fields::read(&mut self.$flat, key, map)? {
                    return Ok(true);
                })*
                $(if crate::wire::Fields::read(&mut self.$part, key, map)? {
                    return Ok(true);
                })?
                // A few structs have no fields.
                let _ = (key, map);
                Ok(false)
            }

            fn check(
                key: &str,
                node: &crate::json::syntax::Node,
                place: &mut crate::json::mistake::Place,
            ) -> Result<bool, crate::json::mistake::Mistake> {
                $(if crate::wire::called(stringify!($field), $case, key) {
                    let named = crate::json::mistake::of_field(Self::PATH, stringify!($field));
                    return <$ty as crate::wire::Value>::check(node, named, place).map(|()| true);
                })*
                $($(if crate::wire::called(stringify!($later), $case, key) {
                    let named = crate::json::mistake::of_field(Self::PATH, stringify!($later));
                    return <$later_ty as crate::wire::Value>::check(node, named, place).map(|()| true);
                })*)?
                $(if <$flat_ty as crate::wire::Fields>::check(key, node, place)? {
                    return Ok(true);
                })*
                $(if <$part_ty as crate::wire::Fields>::check(key, node, place)? {
                    return Ok(true);
                })?
                let _ = (key, node, place);
                Ok(false)
            }
        }

        impl crate::wire::Value for $name {
            fn decode<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::wire::read(deserializer)
            }
            fn go() -> std::borrow::Cow<'static, str> {
                crate::json::mistake::of_struct(<Self as crate::wire::Fields>::PATH)
            }
            fn look(
                node: &crate::json::syntax::Node,
                named: Option<&'static str>,
                place: &mut crate::json::mistake::Place,
            ) -> Result<(), crate::json::mistake::Mistake> {
                crate::wire::look::<Self>(node, named, place)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::wire::read(deserializer)
            }
        }
    )*};
}
pub(crate) use wire;
