//! JSON of values: keys of maps in order, nothing escaped for HTML.

use std::fmt::Write as _;

use crate::print;
use crate::value::Value;

/// The JSON of `value`.
pub(crate) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Nil | Value::Pointer(None, _) => out.push_str("null"),
        Value::Bool(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Int(value, _) => {
            let _ = write!(out, "{value}");
        }
        Value::Uint(value, _) => {
            let _ = write!(out, "{value}");
        }
        Value::Float(value) => out.push_str(&print::float(*value)),
        Value::Text(text) => quoted(out, text),
        Value::List(list) if list.nil => out.push_str("null"),
        Value::List(list) => {
            out.push('[');
            for (at, item) in list.items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Map(map) if map.nil => out.push_str("null"),
        Value::Map(map) => object(out, map.entries.iter().map(|(key, value)| (&**key, value))),
        Value::Struct(it) => match &it.json {
            Some(json) => out.push_str(json),
            None => object(out, it.fields.iter().map(|field| (&*field.name, &field.value))),
        },
        Value::Pointer(Some(target), _) => write(out, target),
        // Numbers of which only the digits are known are numbers in JSON.
        Value::Named(named) if &*named.name == "json.Number" => out.push_str(&named.value.to_string()),
        Value::Named(named) => write(out, &named.value),
    }
}

fn object<'a>(out: &mut String, entries: impl Iterator<Item = (&'a str, &'a Value)>) {
    out.push('{');
    for (at, (key, value)) in entries.enumerate() {
        if at > 0 {
            out.push(',');
        }
        quoted(out, key);
        out.push(':');
        write(out, value);
    }
    out.push('}');
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            // Line ends of JavaScript, which Go escapes always.
            '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}
