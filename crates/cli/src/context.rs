//! Contexts: named engines kept beside config.json, one directory each under the hash of the name.

use std::fs;
use std::path::{Path, PathBuf};

use client::TlsOptions;
use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// The context that is not kept in files: `DOCKER_HOST`, or the default socket.
pub(crate) const DEFAULT: &str = "default";

/// A named engine.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) host: String,
    pub(crate) skip_verify: bool,
    tls: PathBuf,
}

fn meta_directory(directory: &Path) -> PathBuf {
    directory.join("contexts").join("meta")
}

/// Reads the context `name`.
pub(crate) fn load(directory: &Path, name: &str) -> Outcome<Context> {
    let id = oci::digest::Digest::of(name.as_bytes()).hex();
    let path = meta_directory(directory).join(&id).join("meta.json");
    let bytes = fs::read(&path).map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            _ => error.to_string(),
        };
        Failure::new(format!("context {name:?}: context not found: open {}: {reason}", path.display()))
    })?;
    parse(directory, &id, &bytes)
        .ok_or_else(|| Failure::new(format!("context {name:?}: malformed {}", path.display())))
}

fn parse(directory: &Path, id: &str, bytes: &[u8]) -> Option<Context> {
    let meta: Value = serde_json::from_slice(bytes).ok()?;
    let endpoint = meta.get("Endpoints")?.get("docker")?;
    Some(Context {
        name: meta.get("Name")?.as_str()?.to_owned(),
        description: meta
            .get("Metadata")
            .and_then(|metadata| metadata.get("Description"))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        host: endpoint.get("Host").and_then(Value::as_str).unwrap_or_default().to_owned(),
        skip_verify: endpoint.get("SkipTLSVerify").and_then(Value::as_bool).unwrap_or_default(),
        tls: directory.join("contexts").join("tls").join(id).join("docker"),
    })
}

/// All contexts but the default one, by name.
pub(crate) fn list(directory: &Path) -> Vec<Context> {
    let Ok(entries) = fs::read_dir(meta_directory(directory)) else { return Vec::new() };
    let mut contexts: Vec<Context> = entries
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().into_string().ok()?;
            parse(directory, &id, &fs::read(entry.path().join("meta.json")).ok()?)
        })
        .collect();
    contexts.sort_by(|a, b| a.name.cmp(&b.name));
    contexts
}

impl Context {
    /// The certificates kept with the context, if there are any.
    pub(crate) fn tls(&self) -> Option<TlsOptions> {
        let file = |name| Some(self.tls.join(name)).filter(|path: &PathBuf| path.exists());
        let options = TlsOptions {
            ca: file("ca.pem"),
            cert: file("cert.pem"),
            key: file("key.pem"),
            insecure: self.skip_verify,
        };
        (options != TlsOptions::default()).then_some(options)
    }
}
