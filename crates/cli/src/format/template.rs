//! Templates of commands, and objects without types for them.

use std::sync::Arc;

use template::{List, Map, Named, Template, Value};

use super::json::Json;
use crate::failure::{Failure, Outcome};

/// Parses a template that has no name.
pub(crate) fn compile(source: &str) -> Outcome<Template> {
    Template::parse("", source).map_err(|error| Failure::new(format!("failed to parse template: {error}")))
}

/// The type of what nothing is known of.
const ANYTHING: &str = "interface {}";

/// The value as JSON has it, without types: what Docker's client tries when the types do not fit a template.
pub(crate) fn raw(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Int(value) => number(value),
        Json::Uint(value) => number(value),
        Json::Float(value) => number(value),
        Json::Text(text) => Value::text(text),
        Json::List(values) => Value::List(Arc::new(List {
            items: values.iter().map(raw).collect(),
            of: Arc::from(ANYTHING),
            nil: false,
        })),
        Json::Object(entries) => Value::Map(Arc::new(Map {
            entries: entries.iter().map(|(key, value)| (Arc::from(key.as_str()), raw(value))).collect(),
            of: Arc::from(ANYTHING),
            zero: Value::Nil,
            nil: false,
        })),
    }
}

/// A number whose digits are kept as they are.
fn number(digits: impl std::fmt::Display) -> Value {
    Value::Named(Arc::new(Named {
        name: Arc::from("json.Number"),
        value: Value::text(digits.to_string()),
        printed: None,
        methods: Vec::new(),
    }))
}
