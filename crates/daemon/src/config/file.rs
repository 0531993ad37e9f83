//! `daemon.json`: the same settings as the flags, under dockerd's keys.

use std::collections::BTreeMap;
use std::path::Path;

use errdefs::{Result, invalid};
use serde_json::Value;

use crate::flags::{Flag, TABLE, Takes, Values};

/// Adds the file's settings to the command line's.
///
/// # Errors
/// InvalidParameter if the file is broken, has unknown keys, or says what a flag says too. A missing file is one only
/// if it was named.
pub(super) fn merge(mut given: Values) -> Result<Values> {
    let named = given.get("config-file").and_then(|values| values.last()).cloned();
    let path = named.clone().unwrap_or_else(|| super::FILE.to_owned());
    let text = match std::fs::read_to_string(Path::new(&path)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => return Ok(given),
        Err(error) => return Err(failed(&path, &error.to_string())),
    };
    let from_file = parse(&text).map_err(|error| failed(&path, &error.to_string()))?;
    conflicts(&given, &from_file).map_err(|error| failed(&path, &error.to_string()))?;
    given.extend(from_file);
    Ok(given)
}

fn failed(path: &str, why: &str) -> errdefs::Error {
    invalid(format!("unable to configure the Docker daemon with file {path}: {why}"))
}

/// The file's settings as the texts their flags would have.
fn parse(text: &str) -> Result<Values> {
    if text.trim().is_empty() {
        return Ok(Values::new());
    }
    let mut object: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|error| invalid(format!("invalid JSON: {error}")))?;
    if let Some(Value::Object(proxies)) = object.remove("proxies") {
        object.extend(proxies);
    }
    let mut values = Values::new();
    let mut unknown = Vec::new();
    for (key, value) in object {
        match TABLE.iter().find(|flag| !key.is_empty() && flag.key == key) {
            Some(flag) => {
                values.insert(flag.long, texts(flag, &value)?);
            }
            None => unknown.push(key),
        }
    }
    if unknown.is_empty() {
        return Ok(values);
    }
    let unknown = unknown.join(", ");
    Err(invalid(format!("the following directives don't match any configuration option: {unknown}")))
}

fn texts(flag: &Flag, value: &Value) -> Result<Vec<String>> {
    let wrong = || invalid(format!("invalid value for {:?}: {value}", flag.key));
    match (flag.takes, value) {
        (_, Value::Null) => Ok(Vec::new()),
        (Takes::Bool, Value::Bool(on)) => Ok(vec![on.to_string()]),
        (Takes::One, Value::String(text)) => Ok(vec![text.clone()]),
        (Takes::One, Value::Number(number)) => Ok(vec![number.to_string()]),
        (Takes::Many, Value::Array(items)) => {
            items.iter().map(|item| item_text(item).ok_or_else(wrong)).collect()
        }
        // Read as a whole where runtimes are read.
        (Takes::Many, Value::Object(entries)) if flag.key == "runtimes" => {
            Ok(entries.iter().map(|(name, entry)| format!("{name}={entry}")).collect())
        }
        (Takes::Many, Value::Object(entries)) => {
            entries.iter().map(|(key, entry)| entry_text(key, entry).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

/// An element of a list: text, or an address pool.
fn item_text(item: &Value) -> Option<String> {
    match item {
        Value::String(text) => Some(text.clone()),
        Value::Object(pool) => {
            Some(format!("base={},size={}", pool.get("base")?.as_str()?, pool.get("size")?.as_u64()?))
        }
        _ => None,
    }
}

/// An entry of a map: `key=value`, or a limit with its two numbers. What a feature holds is not read.
fn entry_text(key: &str, entry: &Value) -> Option<String> {
    match entry {
        Value::String(text) => Some(format!("{key}={text}")),
        Value::Bool(_) | Value::Number(_) => Some(format!("{key}={entry}")),
        Value::Object(limit) => match (limit.get("Soft"), limit.get("Hard")) {
            (Some(soft), Some(hard)) => Some(format!("{key}={}:{}", soft.as_i64()?, hard.as_i64()?)),
            _ => Some(format!("{key}=")),
        },
        _ => None,
    }
}

/// A setting in both places is a mistake, whatever the two say.
fn conflicts(given: &Values, from_file: &Values) -> Result<()> {
    let shown = |flag: &Flag, values: &[String]| match flag.takes {
        Takes::Many => format!("[{}]", values.join(" ")),
        _ => values.join(" "),
    };
    let both: Vec<String> = TABLE
        .iter()
        .filter_map(|flag| {
            let (a, b) = (given.get(flag.long)?, from_file.get(flag.long)?);
            Some(format!("{}: (from flag: {}, from file: {})", flag.key, shown(flag, a), shown(flag, b)))
        })
        .collect();
    if both.is_empty() {
        return Ok(());
    }
    let both = both.join(", ");
    Err(invalid(format!(
        "the following directives are specified both as a flag and in the configuration file: {both}"
    )))
}
