//! `daemon.json`: the same settings as the flags, under dockerd's keys.

use std::collections::BTreeMap;
use std::path::Path;

use errdefs::{Result, invalid};
use serde_json::Value;

use crate::flags::{Flag, TABLE, Takes, Values};

/// The command line's settings and the file's, and which file that was.
pub(super) struct Merged {
    pub(super) values: Values,
    /// `None`: there is no file.
    pub(super) path: Option<String>,
}

/// Adds the file's settings to the command line's.
///
/// # Errors
/// InvalidParameter if the file is broken, has unknown keys, or says what a flag says too. A missing file is one only
/// if it was named.
pub(super) fn merge(mut given: Values) -> Result<Merged> {
    let named = given.get("config-file").and_then(|values| values.last()).cloned();
    let path = named.clone().unwrap_or_else(|| super::FILE.to_owned());
    let text = match std::fs::read_to_string(Path::new(&path)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok(Merged { values: given, path: None });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(failed(&path, &format!("open {path}: no such file or directory")));
        }
        Err(error) => return Err(failed(&path, &error.to_string())),
    };
    let from_file = parse(&text).map_err(|error| failed(&path, &error.to_string()))?;
    conflicts(&given, &from_file).map_err(|error| failed(&path, &error.to_string()))?;
    given.extend(from_file);
    Ok(Merged { values: given, path: Some(path) })
}

/// dockerd's words for anything wrong with the file.
pub(super) fn failed(path: &str, why: &str) -> errdefs::Error {
    invalid(format!("unable to configure the Docker daemon with file {path}: {why}"))
}

/// Keys that hold numbers in dockerd's configuration; the others that take one value hold text.
const NUMBERS: [&str; 9] = [
    "cpu-rt-period",
    "cpu-rt-runtime",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "mtu",
    "network-control-plane-mtu",
    "shutdown-timeout",
    "bridge-accept-fwmark",
];

/// The file's settings as the texts their flags would have.
fn parse(text: &str) -> Result<Values> {
    if text.trim().is_empty() {
        return Ok(Values::new());
    }
    let document: Value = serde_json::from_str(text).map_err(|error| {
        let why = error.to_string();
        if error.is_eof() {
            invalid("invalid JSON: unexpected end of JSON input")
        } else if let Err(why) = api::json::check_syntax(text.as_bytes()) {
            invalid(format!("invalid JSON: {why}"))
        } else if why.starts_with("trailing characters") {
            let at = text
                .lines()
                .nth(error.line().saturating_sub(1))
                .and_then(|line| line.chars().nth(error.column().saturating_sub(1)));
            invalid(format!("invalid JSON: invalid character '{}' after top-level value", at.unwrap_or(' ')))
        } else {
            invalid(format!("invalid JSON: {why}"))
        }
    })?;
    let mut object: BTreeMap<String, Value> = match document {
        Value::Null => return Ok(Values::new()),
        Value::Object(entries) => entries.into_iter().collect(),
        other => {
            return Err(invalid(format!(
                "invalid JSON: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                kind(&other)
            )));
        }
    };
    if let Some(Value::Object(proxies)) = object.remove("proxies") {
        object.extend(proxies);
    }
    // The key of the time when there was one such address.
    if let Some(address) = object.remove("host-gateway-ip").filter(|address| !address.is_null()) {
        object.entry("host-gateway-ips".to_owned()).or_insert(Value::Array(vec![address]));
    }
    let mut values = Values::new();
    let mut unknown = Vec::new();
    for (key, value) in object {
        match TABLE.iter().find(|flag| !key.is_empty() && flag.key == key) {
            Some(flag) => {
                values.insert(flag.long, texts(flag, &value)?);
            }
            None if NAMED_ONLY.contains(&key.as_str()) => {}
            None => unknown.push(key),
        }
    }
    if unknown.is_empty() {
        return Ok(values);
    }
    let unknown = unknown.join(", ");
    Err(invalid(format!("the following directives don't match any configuration option: {unknown}")))
}

/// Keys of dockerd's without a flag: they are known, and about parts that do not exist here.
const NAMED_ONLY: [&str; 6] = [
    "allow-nondistributable-artifacts",
    "builder",
    "deprecated-key-path",
    "resolv-conf",
    "swarm-raft-election-tick",
    "swarm-raft-heartbeat-tick",
];

fn texts(flag: &Flag, value: &Value) -> Result<Vec<String>> {
    let wrong = || mismatch(flag, value);
    let number = NUMBERS.contains(&flag.key);
    match (flag.takes, value) {
        (_, Value::Null) => Ok(Vec::new()),
        (Takes::Bool, Value::Bool(on)) => Ok(vec![on.to_string()]),
        (Takes::One, Value::String(text)) if !number => Ok(vec![text.clone()]),
        (Takes::One, Value::Number(value)) if number => Ok(vec![value.to_string()]),
        (Takes::One, value) if flag.key == "default-shm-size" => {
            Err(invalid(format!("invalid JSON: invalid size: {:?}", value.to_string())))
        }
        (Takes::Many, Value::Array(items)) => {
            items.iter().map(|item| item_text(item).ok_or_else(wrong)).collect()
        }
        // Read as a whole where runtimes are read.
        (Takes::Many, Value::Object(entries)) if flag.key == "runtimes" => {
            Ok(entries.iter().map(|(name, entry)| format!("{name}={entry}")).collect())
        }
        (Takes::Many, Value::Object(entries)) if flag.key == "features" => entries
            .iter()
            .map(|(key, entry)| match entry {
                Value::Bool(on) => Ok(format!("{key}={on}")),
                _ => Err(invalid(format!(
                    "invalid JSON: json: cannot unmarshal {} into Go struct field Config.features.{key} of type bool",
                    kind(entry)
                ))),
            })
            .collect(),
        (Takes::Many, Value::Object(entries)) if flag.key == "log-opts" => entries
            .iter()
            .map(|(key, entry)| match entry {
                Value::String(text) => Ok(format!("{key}={text}")),
                _ => Err(invalid(format!(
                    "invalid JSON: json: cannot unmarshal {} into Go struct field Config.log-opts.{key} of type string",
                    kind(entry)
                ))),
            })
            .collect(),
        (Takes::Many, Value::Object(entries)) => {
            entries.iter().map(|(key, entry)| entry_text(key, entry).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

/// Go's words for a value of the wrong kind.
fn mismatch(flag: &Flag, value: &Value) -> errdefs::Error {
    let wanted = match flag.takes {
        Takes::Bool => "bool",
        Takes::One if NUMBERS.contains(&flag.key) => "int",
        Takes::One => "string",
        Takes::Many => "[]string",
    };
    let (key, kind) = (flag.key, kind(value));
    invalid(format!(
        "invalid JSON: json: cannot unmarshal {kind} into Go struct field Config.{key} of type {wanted}"
    ))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
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
