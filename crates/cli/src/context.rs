//! Contexts: named engines, kept beside config.json in the files of Docker's client, so that both programs share them.
//!
//! A context is `contexts/meta/ID/meta.json` and, with certificates, `contexts/tls/ID/ENDPOINT/FILE`; the ID is the
//! SHA-256 of its name. Files are written beside and renamed over; keys are readable by their owner only.

pub(crate) mod archive;
pub(crate) mod endpoint;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use client::TlsOptions;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failure::{Failure, Outcome, on_path, system_words};

/// The context that is not kept in files: `DOCKER_HOST`, or the default socket.
pub(crate) const DEFAULT: &str = "default";
/// The endpoint that is the engine; other programs keep further ones.
pub(crate) const ENGINE: &str = "docker";

/// What meta.json holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Meta {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) endpoints: Option<BTreeMap<String, Map<String, Value>>>,
}

impl Meta {
    /// A context for one engine.
    pub(crate) fn new(name: &str, description: &str, engine: Map<String, Value>) -> Self {
        let mut meta = Self {
            name: name.to_owned(),
            metadata: Some(Map::new()),
            endpoints: Some(BTreeMap::from([(ENGINE.to_owned(), engine)])),
        };
        meta.describe(description);
        meta
    }

    /// What the user says of it.
    pub(crate) fn description(&self) -> &str {
        let metadata = self.metadata.as_ref();
        metadata.and_then(|fields| fields.get("Description")).and_then(Value::as_str).unwrap_or_default()
    }

    /// Changes the description; an empty one changes nothing.
    pub(crate) fn describe(&mut self, description: &str) {
        if !description.is_empty() {
            let fields = self.metadata.get_or_insert_default();
            fields.insert("Description".to_owned(), Value::from(description));
        }
    }

    fn engine(&self) -> Option<&Map<String, Value>> {
        self.endpoints.as_ref()?.get(ENGINE)
    }

    /// The engine's address; empty if the context has none.
    pub(crate) fn host(&self) -> &str {
        self.engine().and_then(|fields| fields.get("Host")).and_then(Value::as_str).unwrap_or_default()
    }

    fn skips_verification(&self) -> bool {
        let flag = self.engine().and_then(|fields| fields.get("SkipTLSVerify"));
        flag.and_then(Value::as_bool).unwrap_or_default()
    }
}

/// Files of an endpoint's TLS, by endpoint and name.
pub(crate) type Material = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// The directory of all contexts.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

fn id(name: &str) -> String {
    oci::digest::Digest::of(name.as_bytes()).hex()
}

impl Store {
    /// The contexts beside the config.json in `directory`.
    pub(crate) fn beside(directory: &Path) -> Self {
        Self { directory: directory.join("contexts") }
    }

    /// The directory of the context's meta.json.
    pub(crate) fn meta_path(&self, name: &str) -> PathBuf {
        self.directory.join("meta").join(id(name))
    }

    /// The directory of the context's certificates.
    pub(crate) fn tls_path(&self, name: &str) -> PathBuf {
        self.directory.join("tls").join(id(name))
    }

    /// Reads the context `name`.
    pub(crate) fn load(&self, name: &str) -> Outcome<Meta> {
        let path = self.meta_path(name).join("meta.json");
        let failed = |reason: String| Failure::new(format!("context {name:?}: {reason}"));
        let bytes = fs::read(&path).map_err(|error| {
            let kind = if error.kind() == std::io::ErrorKind::NotFound { "context not found: " } else { "" };
            failed(format!("{kind}open {}: {}", path.display(), system_words(&error)))
        })?;
        serde_json::from_slice(&bytes).map_err(|error| failed(format!("parsing {}: {error}", path.display())))
    }

    /// Whether there is a context of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.meta_path(name).join("meta.json").exists()
    }

    /// All contexts but the default one, in no order.
    pub(crate) fn list(&self) -> Vec<Meta> {
        let Ok(entries) = fs::read_dir(self.directory.join("meta")) else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| serde_json::from_slice(&fs::read(entry.path().join("meta.json")).ok()?).ok())
            .collect()
    }

    /// Writes the context's meta.json.
    pub(crate) fn save(&self, meta: &Meta) -> Outcome {
        const MODE: u32 = 0o644;
        let directory = self.meta_path(&meta.name);
        fs::create_dir_all(&directory).map_err(|error| on_path("mkdir", directory.display(), &error))?;
        let text = serde_json::to_vec(meta).map_err(|error| Failure::new(error.to_string()))?;
        write(&directory.join("meta.json"), &text, MODE)
    }

    /// Puts `material` in the place of the certificates that the context has.
    pub(crate) fn set_material(&self, name: &str, material: &Material) -> Outcome {
        const MODE: u32 = 0o600;
        let directory = self.tls_path(name);
        remove_directory(&directory)?;
        for (endpoint, files) in material {
            let directory = directory.join(endpoint);
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)
                .map_err(|error| on_path("mkdir", directory.display(), &error))?;
            for (file, bytes) in files {
                write(&directory.join(file), bytes, MODE)?;
            }
        }
        Ok(())
    }

    /// The certificates of the context.
    pub(crate) fn material(&self, name: &str) -> Outcome<Material> {
        let mut material = Material::new();
        let directory = self.tls_path(name);
        for endpoint in names_in(&directory) {
            let mut files = BTreeMap::new();
            for file in names_in(&directory.join(&endpoint)) {
                let path = directory.join(&endpoint).join(&file);
                let bytes = fs::read(&path).map_err(|error| on_path("open", path.display(), &error))?;
                files.insert(file, bytes);
            }
            material.insert(endpoint, files);
        }
        Ok(material)
    }

    /// Removes the context, if there is one.
    pub(crate) fn remove(&self, name: &str) -> Outcome {
        remove_directory(&self.meta_path(name))?;
        remove_directory(&self.tls_path(name))
    }

    /// How TLS is spoken with the context's engine, if it is.
    pub(crate) fn tls(&self, meta: &Meta) -> Option<TlsOptions> {
        let directory = self.tls_path(&meta.name).join(ENGINE);
        let file = |name| Some(directory.join(name)).filter(|path: &PathBuf| path.exists());
        let options = TlsOptions {
            ca: file("ca.pem"),
            cert: file("cert.pem"),
            key: file("key.pem"),
            insecure: meta.skips_verification(),
        };
        (options != TlsOptions::default()).then_some(options)
    }

    /// Refuses a name for a new context that is not one, or is taken.
    pub(crate) fn check_new_name(&self, name: &str) -> Outcome {
        check_name(name)?;
        if self.has(name) {
            return Err(Failure::new(format!("context {name:?} already exists")));
        }
        Ok(())
    }
}

/// Refuses what cannot be the name of a context that is kept.
pub(crate) fn check_name(name: &str) -> Outcome {
    if name.is_empty() {
        return Err(Failure::new("context name cannot be empty"));
    }
    if name == DEFAULT {
        return Err(Failure::new(format!("{DEFAULT:?} is a reserved context name")));
    }
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|letter| letter.is_ascii_alphanumeric());
    let rest = letters.as_str();
    if first
        && !rest.is_empty()
        && rest.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.+-".contains(letter))
    {
        return Ok(());
    }
    Err(Failure::new(format!(
        "context name {name:?} is invalid, names are validated against regexp \"^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$\""
    )))
}

/// The names in a directory, sorted; none if it is not there.
fn names_in(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn remove_directory(path: &Path) -> Outcome {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(on_path("remove", path.display(), &error))
        }
        _ => Ok(()),
    }
}

/// Writes a file so that it is never seen half written.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Outcome {
    let staged = path.with_extension(format!("tmp{}", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&staged)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&staged, path));
    if written.is_err() {
        let _ = fs::remove_file(&staged);
    }
    written.map_err(|error| on_path("open", path.display(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, good) in [("ab", true), ("a", false), ("a b", false), ("-ab", false), ("0+._-", true)] {
            assert_eq!(check_name(name).is_ok(), good, "{name}");
        }
        assert!(check_name(DEFAULT).unwrap_err().text.contains("reserved"));
    }

    #[test]
    fn kept_as_docker_keeps_them() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::beside(directory.path());
        let engine = serde_json::json!({"Host": "tcp://h:1", "SkipTLSVerify": false});
        let Value::Object(engine) = engine else { panic!() };
        store.save(&Meta::new("e2", "words", engine)).unwrap();
        let path = directory
            .path()
            .join("contexts/meta/ac0f09c0f8bf5e7a4b063d863255f16d8ce9abe600e288d934cf313bcbff63eb/meta.json");
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            r#"{"Name":"e2","Metadata":{"Description":"words"},"Endpoints":{"docker":{"Host":"tcp://h:1","SkipTLSVerify":false}}}"#
        );
        assert_eq!(store.tls(&store.load("e2").unwrap()), None);
        store.remove("e2").unwrap();
        assert!(!store.has("e2") && store.list().is_empty());
    }
}
