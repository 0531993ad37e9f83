//! The functions of Go's templates, and Docker's.

use std::sync::Arc;

use crate::print;
use crate::printf::printf;
use crate::value::{List, Value, Want};

/// What a function wants and does.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The types of its arguments.
    pub(crate) wants: &'static [Want],
    /// The type of any that follow.
    pub(crate) rest: Option<Want>,
    pub(crate) call: fn(&[Value]) -> Result<Value, String>,
}

/// Go's own. `and` and `or` are the executor's, because they do not look at what they do not need.
pub(crate) const BUILTIN: &[Function] = &[
    Function { name: "and", wants: &[Want::Any], rest: Some(Want::Any), call: first },
    Function { name: "call", wants: &[Want::Any], rest: Some(Want::Any), call: call_value },
    Function { name: "eq", wants: &[Want::Any], rest: Some(Want::Any), call: eq },
    Function {
        name: "ge",
        wants: &[Want::Any, Want::Any],
        rest: None,
        call: |args| less(args, 0, 1).map(negated),
    },
    Function {
        name: "gt",
        wants: &[Want::Any, Want::Any],
        rest: None,
        call: |args| less(args, 1, 0).map(Value::Bool),
    },
    Function {
        name: "html",
        wants: &[],
        rest: Some(Want::Any),
        call: |args| Ok(Value::text(html(&print::print(args)))),
    },
    Function { name: "index", wants: &[Want::Any], rest: Some(Want::Any), call: index },
    Function {
        name: "js",
        wants: &[],
        rest: Some(Want::Any),
        call: |args| Ok(Value::text(js(&print::print(args)))),
    },
    Function {
        name: "le",
        wants: &[Want::Any, Want::Any],
        rest: None,
        call: |args| less(args, 1, 0).map(negated),
    },
    Function { name: "len", wants: &[Want::Any], rest: None, call: len },
    Function {
        name: "lt",
        wants: &[Want::Any, Want::Any],
        rest: None,
        call: |args| less(args, 0, 1).map(Value::Bool),
    },
    Function {
        name: "ne",
        wants: &[Want::Any, Want::Any],
        rest: None,
        call: |args| equal(&args[0], &args[1]).map(negated),
    },
    Function { name: "not", wants: &[Want::Any], rest: None, call: |args| Ok(Value::Bool(!args[0].truth())) },
    Function { name: "or", wants: &[Want::Any], rest: Some(Want::Any), call: first },
    Function {
        name: "print",
        wants: &[],
        rest: Some(Want::Any),
        call: |args| Ok(Value::text(print::print(args))),
    },
    Function {
        name: "printf",
        wants: &[Want::Text],
        rest: Some(Want::Any),
        call: |args| Ok(Value::text(printf(&text(args, 0), &args[1..]))),
    },
    Function { name: "println", wants: &[], rest: Some(Want::Any), call: println },
    Function { name: "slice", wants: &[Want::Any], rest: Some(Want::Any), call: slice },
    Function {
        name: "urlquery",
        wants: &[],
        rest: Some(Want::Any),
        call: |args| Ok(Value::text(url_query(&print::print(args)))),
    },
];

/// Docker's.
pub(crate) const DOCKER: &[Function] = &[
    Function { name: "join", wants: &[Want::Texts, Want::Text], rest: None, call: join },
    Function { name: "json", wants: &[Want::Any], rest: None, call: |args| Ok(Value::text(args[0].json())) },
    Function {
        name: "lower",
        wants: &[Want::Text],
        rest: None,
        call: |args| Ok(Value::text(text(args, 0).to_lowercase())),
    },
    Function { name: "pad", wants: &[Want::Text, Want::Int, Want::Int], rest: None, call: pad },
    Function { name: "split", wants: &[Want::Text, Want::Text], rest: None, call: split },
    Function { name: "title", wants: &[Want::Text], rest: None, call: title },
    Function { name: "truncate", wants: &[Want::Text, Want::Int], rest: None, call: truncate },
    Function {
        name: "upper",
        wants: &[Want::Text],
        rest: None,
        call: |args| Ok(Value::text(text(args, 0).to_uppercase())),
    },
];

/// Docker's for the heads of columns, where most leave the text as it is.
pub(crate) const HEADS: &[Function] = &[
    Function { name: "join", wants: &[Want::Text, Want::Text], rest: None, call: first },
    Function { name: "json", wants: &[Want::Text], rest: None, call: first },
    Function { name: "lower", wants: &[Want::Text], rest: None, call: first },
    Function { name: "split", wants: &[Want::Text, Want::Text], rest: None, call: first },
    Function { name: "title", wants: &[Want::Text], rest: None, call: first },
    Function { name: "truncate", wants: &[Want::Text, Want::Int], rest: None, call: first },
    Function { name: "upper", wants: &[Want::Text], rest: None, call: first },
];

fn first(args: &[Value]) -> Result<Value, String> {
    Ok(args.first().cloned().unwrap_or(Value::Nil))
}

fn negated(value: bool) -> Value {
    Value::Bool(!value)
}

fn text(args: &[Value], at: usize) -> String {
    args.get(at).map(ToString::to_string).unwrap_or_default()
}

fn int(args: &[Value], at: usize) -> i64 {
    match args.get(at).map(Value::plain) {
        Some(Value::Int(number, _)) => *number,
        _ => 0,
    }
}

/// No value of a template can be called.
fn call_value(args: &[Value]) -> Result<Value, String> {
    match &args[0] {
        Value::Nil => Err("call of nil".to_owned()),
        value => Err(format!("non-function of type {}", value.type_name())),
    }
}

fn println(args: &[Value]) -> Result<Value, String> {
    let texts: Vec<String> = args.iter().map(print::plain).collect();
    Ok(Value::text(format!("{}\n", texts.join(" "))))
}

fn len(args: &[Value]) -> Result<Value, String> {
    let Some(value) = args[0].target() else { return Err("len of nil pointer".to_owned()) };
    let length = match value.plain() {
        Value::Nil => return Err("len of nil pointer".to_owned()),
        Value::Text(text) => text.len(),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries.len(),
        _ => return Err(format!("len of type {}", value.type_name())),
    };
    Ok(Value::int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// A place in something of `length`; `end` may be just behind it.
fn place(key: &Value, length: usize, end: bool) -> Result<usize, String> {
    let at = match key.plain() {
        Value::Int(number, _) => {
            usize::try_from(*number).map_err(|_| format!("index out of range: {number}"))?
        }
        Value::Uint(number, _) => usize::try_from(*number).unwrap_or(usize::MAX),
        Value::Nil => return Err("cannot index slice/array with nil".to_owned()),
        _ => return Err(format!("cannot index slice/array with type {}", key.type_name())),
    };
    if at < length || (end && at == length) { Ok(at) } else { Err(format!("index out of range: {at}")) }
}

fn index(args: &[Value]) -> Result<Value, String> {
    if matches!(args[0], Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    args[1..].iter().try_fold(args[0].clone(), |item, key| {
        let Some(target) = item.target() else { return Err("index of nil pointer".to_owned()) };
        match target.plain() {
            Value::Nil => Err("index of untyped nil".to_owned()),
            Value::List(list) => Ok(list.items[place(key, list.items.len(), false)?].clone()),
            Value::Text(text) => {
                // One behind the last byte is found to be none by another part of Go.
                let at = place(key, text.len(), true)?;
                let byte = text.as_bytes().get(at).ok_or("reflect: string index out of range")?;
                Ok(Value::Uint(u64::from(*byte), "uint8"))
            }
            Value::Map(map) => match key {
                Value::Nil => Err("value is nil; should be string".to_owned()),
                key => match key {
                    Value::Text(name) => Ok(map.entries.get(name).unwrap_or(&map.zero).clone()),
                    key => Err(format!("value has type {}; should be string", key.type_name())),
                },
            },
            _ => Err(format!("can't index item of type {}", target.type_name())),
        }
    })
}

fn slice(args: &[Value]) -> Result<Value, String> {
    let keys = &args[1..];
    if matches!(args[0], Value::Nil) {
        return Err("slice of untyped nil".to_owned());
    }
    if keys.len() > 3 {
        return Err(format!("too many slice indexes: {}", keys.len()));
    }
    let Some(target) = args[0].target() else { return Err("slice of nil pointer".to_owned()) };
    let length = match target.plain() {
        Value::Text(_) if keys.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
        Value::Text(text) => text.len(),
        Value::List(list) => list.items.len(),
        _ => return Err(format!("can't slice item of type {}", target.type_name())),
    };
    let mut places = [0, length, length];
    for (at, key) in keys.iter().enumerate() {
        places[at] = place(key, length, true)?;
    }
    let [from, to, most] = places;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if keys.len() == 3 && to > most {
        return Err(format!("invalid slice index: {to} > {most}"));
    }
    Ok(match target.plain() {
        Value::List(list) => {
            Value::List(Arc::new(List { items: list.items[from..to].to_vec(), ..(**list).clone() }))
        }
        other => Value::text(String::from_utf8_lossy(&other.to_string().as_bytes()[from..to])),
    })
}

/// What kinds of values are compared as.
#[derive(PartialEq, Clone, Copy)]
enum Basic {
    Bool,
    Int,
    Uint,
    Float,
    Text,
}

fn basic(value: &Value) -> Option<Basic> {
    match value.plain() {
        Value::Bool(_) => Some(Basic::Bool),
        Value::Int(..) => Some(Basic::Int),
        Value::Uint(..) => Some(Basic::Uint),
        Value::Float(_) => Some(Basic::Float),
        Value::Text(_) => Some(Basic::Text),
        _ => None,
    }
}

/// What Go says of values of different types (its later versions name the types).
const INCOMPATIBLE: &str = "incompatible types for comparison";

/// Whether both are signed or unsigned numbers, with their values.
fn whole(left: &Value, right: &Value) -> Option<(i128, i128)> {
    let number = |value: &Value| match value.plain() {
        Value::Int(number, _) => Some(i128::from(*number)),
        Value::Uint(number, _) => Some(i128::from(*number)),
        _ => None,
    };
    Some((number(left)?, number(right)?))
}

fn eq(args: &[Value]) -> Result<Value, String> {
    if args.len() == 1 {
        return Err("missing argument for comparison".to_owned());
    }
    for other in &args[1..] {
        if equal(&args[0], other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    if let Some((left, right)) = whole(left, right) {
        return Ok(left == right);
    }
    match (left.plain(), right.plain()) {
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Float(left), Value::Float(right)) => Ok(left.total_cmp(right).is_eq()),
        (Value::Text(left), Value::Text(right)) => Ok(left == right),
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (plain_left, plain_right) => match (basic(left), basic(right)) {
            (None, _) | (_, None) if left.type_name() != right.type_name() => Err(INCOMPATIBLE.to_owned()),
            (None, _) => match (plain_left, plain_right) {
                (Value::Pointer(left, _), Value::Pointer(right, _)) => Ok(match (left, right) {
                    (Some(left), Some(right)) => Arc::ptr_eq(left, right),
                    (left, right) => left.is_none() && right.is_none(),
                }),
                (Value::Struct(_), _) => Ok(left.to_string() == right.to_string()),
                _ => Err(format!("non-comparable type {left}: {}", left.type_name())),
            },
            _ => Err(INCOMPATIBLE.to_owned()),
        },
    }
}

/// Whether the argument at `left` is less than that at `right`, which may be the other way round for `gt`.
fn less(args: &[Value], left: usize, right: usize) -> Result<bool, String> {
    let equal_first = left > right;
    let (one, two) = (&args[0], &args[1]);
    let kinds = (basic(one), basic(two));
    let (Some(first), Some(second)) = kinds else { return Err("invalid type for comparison".to_owned()) };
    let order = match (one.plain(), two.plain()) {
        _ if whole(one, two).is_some() => whole(one, two).map(|(one, two)| one.cmp(&two)),
        (Value::Float(one), Value::Float(two)) => Some(one.total_cmp(two)),
        (Value::Text(one), Value::Text(two)) => Some(one.cmp(two)),
        _ if first != second => return Err(INCOMPATIBLE.to_owned()),
        _ => None,
    };
    let order = order.ok_or("invalid type for comparison")?;
    Ok(if equal_first { order.is_gt() } else { order.is_lt() })
}

fn html(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(letter),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04X}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out
}

fn url_query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn join(args: &[Value]) -> Result<Value, String> {
    let Value::List(list) = args[0].plain() else { return Ok(Value::text("")) };
    let items: Vec<String> = list.items.iter().map(ToString::to_string).collect();
    Ok(Value::text(items.join(&text(args, 1))))
}

fn split(args: &[Value]) -> Result<Value, String> {
    let (source, by) = (text(args, 0), text(args, 1));
    Ok(if by.is_empty() {
        Value::texts(source.chars().map(String::from))
    } else {
        Value::texts(source.split(by.as_str()))
    })
}

fn title(args: &[Value]) -> Result<Value, String> {
    let mut starts = true;
    Ok(Value::text(text(args, 0).chars().fold(String::new(), |mut out, letter| {
        let is_word =
            letter.is_alphanumeric() || letter == '_' || !(letter.is_ascii() || letter.is_whitespace());
        if std::mem::replace(&mut starts, !is_word) {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
        out
    })))
}

/// The longest that `pad` makes a text on one side: a template is no reason to fill the memory.
const PAD_MAX: usize = 1 << 20;

fn pad(args: &[Value]) -> Result<Value, String> {
    let source = text(args, 0);
    if source.is_empty() {
        return Ok(Value::text(source));
    }
    let blanks = |at: usize| {
        let count =
            usize::try_from(int(args, at)).map_err(|_| "strings: negative Repeat count".to_owned())?;
        if count > PAD_MAX {
            return Err("strings: Repeat output length overflow".to_owned());
        }
        Ok(" ".repeat(count))
    };
    Ok(Value::text(format!("{}{source}{}", blanks(1)?, blanks(2)?)))
}

fn truncate(args: &[Value]) -> Result<Value, String> {
    let source = text(args, 0);
    let length = int(args, 1);
    match usize::try_from(length) {
        Ok(length) => Ok(Value::text(source.chars().take(length).collect::<String>())),
        Err(_) => Err(format!("runtime error: slice bounds out of range [:{length}]")),
    }
}
