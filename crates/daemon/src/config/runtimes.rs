//! Other OCI runtimes: `--add-runtime NAME=PATH` and the `runtimes` of `daemon.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::container::Runtime;
use errdefs::{Result, invalid, not_implemented};
use serde::Deserialize;

/// The one kind of containerd shim that can be named: it calls a runtime's command line, as we do.
const RUNC_SHIM: &str = "io.containerd.runc.v2";

/// A runtime in `daemon.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Entry {
    path: String,
    #[serde(rename = "runtimeArgs")]
    args: Vec<String>,
    #[serde(rename = "runtimeType")]
    kind: String,
    options: BTreeMap<String, serde_json::Value>,
}

/// Reads all of them, and checks the default's name.
///
/// # Errors
/// InvalidParameter in dockerd's words; NotImplemented for kinds that have no command line.
pub(super) fn read(given: &[String], default: &str) -> Result<BTreeMap<String, Runtime>> {
    let mut all = BTreeMap::new();
    for text in given {
        let wrong = || {
            let form = "the flag value must be of the form name=path";
            invalid(format!("invalid argument {text:?} for \"--add-runtime\" flag: {form}"))
        };
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let (name, value) = (name.trim().to_lowercase(), value.trim());
        if name.is_empty() || value.is_empty() {
            return Err(wrong());
        }
        if engine::container::BUILT_IN.contains(&name.as_str()) {
            return Err(invalid(format!("runtime name '{name}' is reserved")));
        }
        let entry = match value.starts_with('{') {
            true => {
                serde_json::from_str(value).map_err(|error| invalid(format!("runtime {name}: {error}")))?
            }
            false => Entry { path: value.to_owned(), ..Entry::default() },
        };
        let runtime = typed(&name, entry)?;
        if all.insert(name.clone(), runtime).is_some() {
            return Err(invalid(format!("runtime '{name}' was already defined")));
        }
    }
    if !all.contains_key(default) && !engine::container::BUILT_IN.contains(&default) {
        return Err(invalid(format!("specified default runtime '{default}' does not exist")));
    }
    Ok(all)
}

fn typed(name: &str, mut entry: Entry) -> Result<Runtime> {
    match (entry.path.as_str(), entry.kind.as_str()) {
        ("", "") => {
            return Err(invalid(format!(
                "runtime {name}: either a runtimeType or a path must be configured"
            )));
        }
        ("", RUNC_SHIM) => {}
        ("", other) => {
            return Err(not_implemented(format!(
                "runtime {name}: runtimeType {other} is not supported: name an OCI runtime by its path"
            )));
        }
        (_, "") if !entry.options.is_empty() => {
            return Err(invalid(format!("runtime {name}: options cannot be used with a path runtime")));
        }
        (_, "") => return Ok(Runtime { program: Some(found(&entry.path)), args: entry.args }),
        _ => {
            let text = "cannot configure both path and runtimeType for the same runtime";
            return Err(invalid(format!("runtime {name}: {text}")));
        }
    }
    if !entry.args.is_empty() {
        return Err(invalid(format!("runtime {name}: args cannot be used with a runtimeType runtime")));
    }
    let binary = entry.options.remove("BinaryName");
    if let Some((option, _)) = entry.options.first_key_value() {
        return Err(not_implemented(format!("runtime {name}: option {option} is not supported")));
    }
    let binary = binary.as_ref().and_then(serde_json::Value::as_str).filter(|path| !path.is_empty());
    Ok(Runtime { program: binary.map(found), args: Vec::new() })
}

/// A bare name is looked up once, in the daemon's own `PATH`.
fn found(path: &str) -> PathBuf {
    if path.contains('/') {
        return path.into();
    }
    let search = crate::environment("PATH").unwrap_or_default();
    let mut candidates = search.split(':').map(|dir| Path::new(dir).join(path));
    candidates.find(|candidate| candidate.is_file()).unwrap_or_else(|| path.into())
}
