//! The engine of a context from the words of `--docker`: `host=...,ca=...,cert=...,key=...,skip-tls-verify=...`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use client::{Endpoint, TlsOptions};
use serde_json::{Map, Value};

use super::{ENGINE, Material, Meta, Store};
use crate::failure::{Failure, Outcome, on_path};
use crate::flag::{Parsed, fields, parse_bool};

const KEYS: [&str; 6] = ["from", "host", "ca", "cert", "key", "skip-tls-verify"];

/// Judges the value of `--docker`.
pub(crate) fn check(text: &str) -> Result<(), String> {
    match fields(text).iter().find(|pair| !pair.contains('=')) {
        Some(pair) => Err(format!("{pair} must be formatted as key=value")),
        None => Ok(()),
    }
}

/// An engine's fields in meta.json, and its certificates.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    pub(crate) fields: Map<String, Value>,
    pub(crate) material: Material,
}

/// The fields of an engine.
pub(crate) fn fields_of(host: &str, skip_verify: bool) -> Map<String, Value> {
    let mut fields = Map::new();
    if !host.is_empty() {
        fields.insert("Host".to_owned(), Value::from(host));
    }
    fields.insert("SkipTLSVerify".to_owned(), Value::from(skip_verify));
    fields
}

/// The engine that `--docker` describes.
pub(crate) fn of(parsed: &Parsed, default: &Meta, store: &Store) -> Outcome<Engine> {
    let options = parsed.map("docker");
    read(&options, default, store)
        .map_err(|reason| Failure::new(format!("unable to create docker endpoint config: {reason}")))
}

fn read(options: &BTreeMap<String, String>, default: &Meta, store: &Store) -> Outcome<Engine> {
    let unknown: Vec<String> = options
        .keys()
        .filter(|key| !KEYS.contains(&key.as_str()))
        .map(|key| format!("unrecognized config key: {key}"))
        .collect();
    if !unknown.is_empty() {
        return Err(Failure::new(unknown.join("\n")));
    }
    if let Some(name) = options.get("from") {
        let other = if name == super::DEFAULT { default.clone() } else { store.load(name)? };
        let missing = || Failure::new(format!("unable to get endpoint from context {name:?}"));
        return Ok(Engine {
            fields: other.engine().cloned().ok_or_else(missing)?,
            material: Material::new(),
        });
    }
    let text = |key: &str| options.get(key).map_or("", String::as_str);
    let mut tls = TlsOptions::default();
    let mut files = BTreeMap::new();
    for (key, name, place) in
        [("ca", "ca.pem", &mut tls.ca), ("cert", "cert.pem", &mut tls.cert), ("key", "key.pem", &mut tls.key)]
    {
        if text(key).is_empty() {
            continue;
        }
        let path = PathBuf::from(text(key));
        files.insert(
            name.to_owned(),
            fs::read(&path).map_err(|error| on_path("open", path.display(), &error))?,
        );
        *place = Some(path);
    }
    let skip_verify = match text("skip-tls-verify") {
        "" => false,
        value => parse_bool(value)
            .map_err(|_| Failure::new(format!("skip-tls-verify: parsing {value:?}: invalid syntax")))?,
    };
    if tls != TlsOptions::default() {
        tls.check().map_err(|error| {
            // Docker's client names the file as it will be called.
            let ours = error.to_string();
            let reason = if ours.ends_with("seems invalid") { "ca.pem seems invalid" } else { &ours };
            Failure::new(format!(
                "invalid docker endpoint options: failed to retrieve context tls info: {reason}"
            ))
        })?;
    }
    check_host(text("host"))?;
    let material =
        if files.is_empty() { Material::new() } else { Material::from([(ENGINE.to_owned(), files)]) };
    Ok(Engine { fields: fields_of(text("host"), skip_verify), material })
}

fn check_host(host: &str) -> Outcome {
    if host.is_empty() {
        return Ok(());
    }
    if host.split_once("://").is_none_or(|(scheme, rest)| rest.is_empty() && scheme != "ssh") {
        return Err(Failure::new(format!(
            "unable to apply docker endpoint options: unable to parse docker host `{host}`"
        )));
    }
    match Endpoint::parse(host, None) {
        Err(error) if host.starts_with("ssh://") => {
            Err(Failure::new(format!("invalid docker endpoint options: {error}")))
        }
        Err(error) => Err(Failure::new(format!("unable to apply docker endpoint options: {error}"))),
        Ok(_) => Ok(()),
    }
}
