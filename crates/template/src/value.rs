//! Values as templates see them: what Go would have, as far as a template can tell.
//!
//! A value knows the name of its type, because messages and `%T` tell it, and whether it is nothing: a list, a map and a
//! pointer can each be nil, which prints otherwise than nothing at all.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{json, print};

/// A value.
#[derive(Clone)]
pub enum Value {
    /// Nothing: an interface without a value in it, or a key that a map does not have.
    Nil,
    /// A boolean.
    Bool(bool),
    /// A signed number and the name of its type (`int`, `int64`).
    Int(i64, &'static str),
    /// An unsigned number and the name of its type.
    Uint(u64, &'static str),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(Arc<List>),
    /// A map from texts.
    Map(Arc<Map>),
    /// A structure.
    Struct(Arc<Struct>),
    /// A pointer, or none, and the name of the type that it points to.
    Pointer(Option<Arc<Value>>, Arc<str>),
    /// A value whose type has a name of its own.
    Named(Arc<Named>),
}

/// A list.
#[derive(Clone)]
pub struct List {
    /// What is in it.
    pub items: Vec<Value>,
    /// The name of the type of its items.
    pub of: Arc<str>,
    /// It was never made: `null` in JSON.
    pub nil: bool,
}

/// A map from texts.
#[derive(Clone)]
pub struct Map {
    /// What is in it.
    pub entries: BTreeMap<Arc<str>, Value>,
    /// The name of the type of its values.
    pub of: Arc<str>,
    /// What a key has that is not there, for `index`.
    pub zero: Value,
    /// It was never made: `null` in JSON.
    pub nil: bool,
}

/// A structure.
#[derive(Clone, Default)]
pub struct Struct {
    /// The name of its type.
    pub name: Arc<str>,
    /// Its fields in their order.
    pub fields: Vec<Field>,
    /// Its methods.
    pub methods: Vec<(Arc<str>, Method)>,
    /// Its JSON, where that is known better than from the fields.
    pub json: Option<Arc<str>>,
    /// How it prints itself.
    pub printed: Option<Arc<str>>,
}

/// A field of a structure.
#[derive(Clone)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// What it holds.
    pub value: Value,
    /// The fields and methods of what it holds are the structure's too.
    pub embedded: bool,
}

/// A value of a type with a name of its own, such as a mode or a duration.
#[derive(Clone)]
pub struct Named {
    /// The name of the type.
    pub name: Arc<str>,
    /// What it is made of.
    pub value: Value,
    /// How it prints itself.
    pub printed: Option<Arc<str>>,
    /// Its methods.
    pub methods: Vec<(Arc<str>, Method)>,
}

/// What is called, with as many arguments as it wants.
pub type Call = Arc<dyn Fn(&[Value]) -> Result<Value, String> + Send + Sync>;

/// A method: what it wants, and what it does.
#[derive(Clone)]
pub struct Method {
    /// The types of its arguments.
    pub wants: &'static [Want],
    /// What it does.
    pub call: Call,
}

impl Method {
    /// A method without arguments that always gives `value`.
    #[must_use]
    pub fn constant(value: Value) -> Self {
        Self { wants: &[], call: Arc::new(move |_| Ok(value.clone())) }
    }
}

/// The type that an argument must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Any.
    Any,
    /// A text.
    Text,
    /// A number.
    Int,
    /// A list of texts.
    Texts,
}

impl Want {
    /// Go's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Want::Any => "interface {}",
            Want::Text => "string",
            Want::Int => "int",
            Want::Texts => "[]string",
        }
    }
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// A number of the type `int`.
    #[must_use]
    pub fn int(number: i64) -> Self {
        Self::Int(number, "int")
    }

    /// A list of texts.
    #[must_use]
    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(Arc::new(List {
            items: texts.into_iter().map(Value::text).collect(),
            of: Arc::from("string"),
            nil: false,
        }))
    }

    /// A map of texts.
    #[must_use]
    pub fn text_map<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::Map(Arc::new(Map {
            entries: entries.into_iter().map(|(key, value)| (Arc::from(key), Value::text(value))).collect(),
            of: Arc::from("string"),
            zero: Value::text(""),
            nil: false,
        }))
    }

    /// The value without the name of its type.
    #[must_use]
    pub fn plain(&self) -> &Value {
        match self {
            Value::Named(named) => named.value.plain(),
            other => other,
        }
    }

    /// What a pointer points to, through all of them, or the value itself; `None` behind a pointer to nothing.
    #[must_use]
    pub fn target(&self) -> Option<&Value> {
        match self {
            Value::Pointer(target, _) => target.as_deref()?.target(),
            other => Some(other),
        }
    }

    /// The name of the type.
    #[must_use]
    pub fn type_name(&self) -> String {
        match self {
            Value::Nil => "<nil>".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Int(_, name) | Value::Uint(_, name) => (*name).to_owned(),
            Value::Float(_) => "float64".to_owned(),
            Value::Text(_) => "string".to_owned(),
            Value::List(list) => format!("[]{}", list.of),
            Value::Map(map) => format!("map[string]{}", map.of),
            Value::Struct(it) => it.name.to_string(),
            Value::Pointer(_, name) => format!("*{name}"),
            Value::Named(named) => named.name.to_string(),
        }
    }

    /// How it prints itself, if it has words of its own.
    #[must_use]
    pub fn own_words(&self) -> Option<&str> {
        match self {
            Value::Named(named) => named.printed.as_deref(),
            Value::Struct(it) => it.printed.as_deref(),
            Value::Pointer(Some(target), _) => target.own_words(),
            _ => None,
        }
    }

    /// Whether `if` takes it for true.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self.plain() {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value, _) => *value != 0,
            Value::Uint(value, _) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(list) => !list.items.is_empty(),
            Value::Map(map) => !map.entries.is_empty(),
            Value::Pointer(target, _) => target.is_some(),
            Value::Struct(_) | Value::Named(_) => true,
        }
    }

    /// The JSON of it, as an encoder writes it that does not escape for HTML.
    #[must_use]
    pub fn json(&self) -> String {
        json::text(self)
    }
}

impl Struct {
    /// The field `name`, its own or one of an embedded structure.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields
            .iter()
            .find(|field| &*field.name == name)
            .map(|field| &field.value)
            .or_else(|| self.embedded().find_map(|inner| inner.field(name)))
    }

    /// The method `name`, its own or one of an embedded structure.
    pub(crate) fn method(&self, name: &str) -> Option<&Method> {
        let own = self.methods.iter().find(|(known, _)| &**known == name).map(|(_, method)| method);
        own.or_else(|| self.embedded().find_map(|inner| inner.method(name)))
    }

    fn embedded(&self) -> impl Iterator<Item = &Struct> {
        self.fields.iter().filter(|field| field.embedded).filter_map(|field| match field.value.target() {
            Some(Value::Struct(inner)) => Some(&**inner),
            _ => None,
        })
    }
}

impl fmt::Display for Value {
    /// As `print` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::plain(self))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.type_name())
    }
}
