//! `config.json`: credentials, default formats, keys, proxies, and the current context.
//!
//! Docker's own file, so that a user's logins and settings hold for both programs. Fields that are not known here stay
//! as they are when the file is written.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::environment;
use crate::failure::{Failure, Outcome, system_words};

/// The client's settings.
#[derive(Debug, Default)]
pub(crate) struct Config {
    path: PathBuf,
    values: Map<String, Value>,
}

/// Where the client's files are: the flag, `DOCKER_CONFIG`, or `~/.docker`.
pub(crate) fn directory(flag: &str) -> PathBuf {
    if !flag.is_empty() {
        return PathBuf::from(flag);
    }
    environment::get("DOCKER_CONFIG").map_or_else(|| environment::home().join(".docker"), PathBuf::from)
}

/// Settings that are texts, and those that are maps of texts.
const TEXTS: [&str; 14] = [
    "configFormat",
    "credsStore",
    "currentContext",
    "detachKeys",
    "imagesFormat",
    "networksFormat",
    "nodesFormat",
    "pluginsFormat",
    "psFormat",
    "secretFormat",
    "servicesFormat",
    "statsFormat",
    "tasksFormat",
    "volumesFormat",
];
const MAPS: [&str; 4] = ["HttpHeaders", "aliases", "credHelpers", "features"];

/// What is in the file, and what is wrong with it.
fn read(path: &Path) -> (Map<String, Value>, Option<String>) {
    let shown = path.display();
    let parsing = |why: String| Some(format!("parsing config file ({shown}): {why}"));
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return (Map::new(), None),
        Err(error) if error.kind() == ErrorKind::IsADirectory => {
            return (Map::new(), parsing(format!("read {shown}: is a directory")));
        }
        Err(error) => {
            let why = format!("loading config file: open {shown}: {}", system_words(&error));
            return (Map::new(), Some(why));
        }
    };
    if bytes.trim_ascii().is_empty() {
        return (Map::new(), None);
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(values)) => {
            let mistake = mistake(&values).and_then(parsing);
            (values, mistake)
        }
        Ok(other) => {
            let kind = kind(&other);
            let why = format!("json: cannot unmarshal {kind} into Go value of type configfile.ConfigFile");
            (Map::new(), parsing(why))
        }
        Err(error) => {
            (Map::new(), parsing(api::json::check_syntax(&bytes).err().unwrap_or_else(|| error.to_string())))
        }
    }
}

/// What Go calls a kind of value.
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

/// The first setting that is of another type than Docker's, in Go's words.
fn mistake(values: &Map<String, Value>) -> Option<String> {
    let no_text = |value: &Value| !value.is_string() && !value.is_null();
    let told = |value: &Value, field: &str, wanted: &str| {
        let kind = kind(value);
        Some(format!(
            "json: cannot unmarshal {kind} into Go struct field ConfigFile.{field} of type {wanted}"
        ))
    };
    values.iter().find_map(|(name, value)| match value {
        value if TEXTS.contains(&name.as_str()) && no_text(value) => told(value, name, "string"),
        Value::Object(entries) if MAPS.contains(&name.as_str()) => {
            let (key, value) = entries.iter().find(|(_, value)| no_text(value))?;
            told(value, &format!("{name}.{key}"), "string")
        }
        Value::Object(_) | Value::Null => None,
        value if MAPS.contains(&name.as_str()) => told(value, name, "map[string]string"),
        value if name == "auths" => told(value, name, "map[string]types.AuthConfig"),
        _ => None,
    })
}

impl Config {
    /// Reads the file, if there is one. One that cannot be read is warned of and taken for empty, as Docker does.
    pub(crate) fn load(flag: &str) -> Self {
        let path = directory(flag).join("config.json");
        let (values, mistake) = read(&path);
        if let Some(mistake) = mistake {
            let _ = writeln!(std::io::stderr(), "WARNING: Error {mistake}");
        }
        Self { path, values }
    }

    /// The directory of the file.
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// A text setting; empty if it is not set.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A setting that is a map of texts.
    pub(crate) fn texts(&self, name: &str) -> Vec<(String, String)> {
        let Some(Value::Object(map)) = self.values.get(name) else { return Vec::new() };
        map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// A setting that is a list of texts.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let Some(Value::Array(values)) = self.values.get(name) else { return Vec::new() };
        values.iter().filter_map(|value| value.as_str().map(ToOwned::to_owned)).collect()
    }

    /// The value at a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.values.get(*first)?, |value, key| value.get(key))
    }

    /// The proxy variables that containers get: those for the engine's address, else the default ones.
    pub(crate) fn proxies(&self, host: &str) -> Vec<(String, String)> {
        let Some(Value::Object(proxies)) = self.values.get("proxies") else { return Vec::new() };
        let Some(Value::Object(chosen)) = proxies.get(host).or_else(|| proxies.get("default")) else {
            return Vec::new();
        };
        let mut variables = Vec::new();
        for (key, name) in [
            ("httpProxy", "HTTP_PROXY"),
            ("httpsProxy", "HTTPS_PROXY"),
            ("noProxy", "NO_PROXY"),
            ("ftpProxy", "FTP_PROXY"),
            ("allProxy", "ALL_PROXY"),
        ] {
            if let Some(value) = chosen.get(key).and_then(Value::as_str).filter(|value| !value.is_empty()) {
                variables.push((name.to_owned(), value.to_owned()));
                variables.push((name.to_lowercase(), value.to_owned()));
            }
        }
        variables
    }

    /// Changes the file: `change` gets the whole of it as it is now on disk. Written beside and renamed over, mode 600
    /// or what it had.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Map<String, Value>)) -> Outcome {
        let mut values: Map<String, Value> = fs::read(&self.path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        change(&mut values);
        let at = |error: std::io::Error| Failure::new(format!("{}: {error}", self.path.display()));
        fs::create_dir_all(self.directory()).map_err(at)?;
        // A link to the file, kept in some other place, stays a link.
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let mode = fs::metadata(&target).map_or(0o600, |meta| meta.permissions().mode() & 0o777);
        let staged = target.with_extension(format!("json{}", std::process::id()));
        let text = crate::format::indent::pretty(&Value::Object(values), "\t");
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&staged)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&staged, &target));
        if written.is_err() {
            let _ = fs::remove_file(&staged);
        }
        written.map_err(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_keep_what_is_not_known() {
        let directory = tempfile::tempdir().unwrap();
        let flag = directory.path().to_str().unwrap();
        fs::write(directory.path().join("config.json"), r#"{"x":{"y":1},"psFormat":"a","auths":{}}"#)
            .unwrap();
        let config = Config::load(flag);
        assert_eq!(config.text("psFormat"), "a");
        config
            .change(|values| {
                values.remove("psFormat");
            })
            .unwrap();
        let again = Config::load(flag);
        assert_eq!((again.text("psFormat"), again.at(&["x", "y"]).and_then(Value::as_i64)), ("", Some(1)));
    }

    #[test]
    fn proxies_for_a_host_or_by_default() {
        let Value::Object(values) = serde_json::json!({"proxies": {
            "default": {"httpProxy": "http://p"}, "tcp://h": {"noProxy": "x"}}})
        else {
            panic!()
        };
        let config = Config { path: PathBuf::new(), values };
        let names = |host| config.proxies(host).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("unix://x"), ["HTTP_PROXY", "http_proxy"]);
        assert_eq!(names("tcp://h"), ["NO_PROXY", "no_proxy"]);
    }
}
