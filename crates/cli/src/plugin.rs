//! Command-line plugins: programs `docker-NAME` that Docker's client would run as `docker NAME`; `hythe NAME` runs them.
//!
//! A plugin says what it is when called with `docker-cli-plugin-metadata`, and gets the words of the command line as
//! they were given, global flags included. It takes this process's place: terminal, signals and exit code are then its
//! own. (Docker's client stays beside its plugins and tells them of signals by a socket, which they do not need where
//! the terminal signals them itself.)

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::cli::Cli;
use crate::command::{ROOT, find as find_command};
use crate::connect;
use crate::failure::{Failure, Outcome, system_words};

/// How the files of plugins are called.
const PREFIX: &str = "docker-";
/// What a plugin is called with to say what it is.
const METADATA: &str = "docker-cli-plugin-metadata";
/// The one version of that answer.
const SCHEMA: &str = "0.1.0";
/// The variable that tells a plugin by which name its command line began.
const ORIGINAL_COMMAND: &str = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND";
/// Where packages put plugins.
const SYSTEM_DIRECTORIES: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// What a plugin says of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Metadata {
    #[serde(skip_serializing_if = "String::is_empty")]
    schema_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) vendor: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) short_description: String,
    #[serde(rename = "URL", skip_serializing_if = "String::is_empty")]
    url: String,
}

/// A program that is called as a plugin is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Plugin {
    #[serde(flatten)]
    pub(crate) metadata: Metadata,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Why it is none after all.
    #[serde(rename = "Err", skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// The directories of plugins; what is found in an earlier one hides what is in a later.
fn directories(cli: &Cli) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> =
        cli.config().list("cliPluginsExtraDirs").into_iter().map(PathBuf::from).collect();
    directories.push(cli.config().directory().join("cli-plugins"));
    directories.extend(SYSTEM_DIRECTORIES.map(PathBuf::from));
    directories
}

/// All plugins, also those that are none after all, by name.
pub(crate) fn all(cli: &Cli) -> Vec<Plugin> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in directories(cli) {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        for entry in entries.flatten() {
            if let Some(name) = entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX))
                && entry.path().is_file()
            {
                found.entry(name.to_owned()).or_insert_with(|| entry.path());
            }
        }
    }
    found.into_iter().map(|(name, path)| examine(name, path)).collect()
}

/// The plugin of a name, if there is a good one.
pub(crate) fn find(cli: &Cli, name: &str) -> Option<Plugin> {
    if !is_name(name) {
        return None;
    }
    let file = format!("{PREFIX}{name}");
    let path =
        directories(cli).into_iter().map(|directory| directory.join(&file)).find(|path| path.is_file())?;
    Some(examine(name.to_owned(), path)).filter(|plugin| plugin.error.is_none())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn examine(name: String, path: PathBuf) -> Plugin {
    let mut metadata = Metadata::default();
    let error = judge(&name, &path, &mut metadata).err();
    Plugin { metadata, name, path, error }
}

/// Asks a program what it is, and notes what it says; the error is why it is no plugin all the same.
fn judge(name: &str, path: &Path, said: &mut Metadata) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!("plugin candidate {name:?} did not match \"^[a-z][a-z0-9]*$\""));
    }
    if find_command(ROOT, name).is_some_and(|entry| !entry.is_absent()) {
        return Err(format!("plugin {name:?} duplicates builtin command"));
    }
    let failed = |reason: String| format!("failed to fetch metadata: {reason}");
    let unstartable =
        |error: &std::io::Error| failed(format!("fork/exec {}: {}", path.display(), system_words(error)));
    let mode = std::fs::metadata(path).map_err(|error| unstartable(&error))?.permissions().mode();
    if mode & 0o111 == 0 {
        let denied = std::io::Error::from_raw_os_error(rustix::io::Errno::ACCESS.raw_os_error());
        return Err(unstartable(&denied));
    }
    let output = Command::new(path)
        .arg(METADATA)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| unstartable(&error))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string().replace("exit status:", "exit status")));
    }
    *said = serde_json::from_slice(&output.stdout).map_err(|error| format!("invalid metadata: {error}"))?;
    if said.schema_version != SCHEMA {
        return Err(format!("plugin SchemaVersion {:?} is not valid, must be {SCHEMA}", said.schema_version));
    }
    if said.vendor.is_empty() {
        return Err("plugin metadata does not define a vendor".to_owned());
    }
    Ok(())
}

/// Becomes the plugin, called with `words`; returns only if that fails.
pub(crate) fn run(cli: &Cli, plugin: &Plugin, words: &[String]) -> Failure {
    const WITHOUT_ENGINE: [&str; 5] = ["--help", "-h", "help", "--version", "version"];
    let needs_engine = !words.iter().any(|word| WITHOUT_ENGINE.contains(&word.as_str()));
    let mut command = match prepared(cli, plugin, needs_engine) {
        Ok(command) => command,
        Err(failure) => return failure,
    };
    let error = command.args(words).exec();
    Failure::new(format!("fork/exec {}: {}", plugin.path.display(), system_words(&error)))
}

/// What a plugin offers for completion, in the lines of cobra: a candidate, a tab, and what it is.
pub(crate) fn complete(cli: &Cli, plugin: &Plugin, words: &[String]) -> Outcome<String> {
    let output =
        prepared(cli, plugin, false)?.arg("__complete").args(words).stderr(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // The last line says how the shell is to go on.
    Ok(text.lines().filter(|line| !line.starts_with(':')).map(|line| format!("{line}\n")).collect())
}

fn prepared(cli: &Cli, plugin: &Plugin, needs_engine: bool) -> Outcome<Command> {
    let mut command = Command::new(&plugin.path);
    command.env(ORIGINAL_COMMAND, &cli.called);
    // A plugin would look for Docker's own socket.
    if let Some(host) = connect::host_for_plugins(cli, needs_engine)? {
        command.env("DOCKER_HOST", host);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_plugin() {
        let directory = tempfile::tempdir().unwrap();
        let judged = |name: &str, script: &str, mode: u32| {
            let path = directory.path().join(format!("docker-{name}"));
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let mut said = Metadata::default();
            judge(name, &path, &mut said)
                .map(|()| said.version)
                .map_err(|reason| reason.replace(&directory.path().display().to_string(), "DIR"))
        };
        let good = "#!/bin/sh\necho '{\"SchemaVersion\":\"0.1.0\",\"Vendor\":\"v\",\"Version\":\"1\"}'\n";
        assert_eq!(judged("good", good, 0o755), Ok("1".to_owned()));
        for (name, script, mode, error) in [
            ("ps", good, 0o755, "plugin \"ps\" duplicates builtin command"),
            ("Up", good, 0o755, "plugin candidate \"Up\" did not match \"^[a-z][a-z0-9]*$\""),
            ("no", good, 0o644, "failed to fetch metadata: fork/exec DIR/docker-no: permission denied"),
            ("bad", "#!/bin/sh\nexit 3\n", 0o755, "failed to fetch metadata: exit status 3"),
            (
                "old",
                "#!/bin/sh\necho '{\"SchemaVersion\":\"0.0.1\"}'\n",
                0o755,
                "plugin SchemaVersion \"0.0.1\" is not valid, must be 0.1.0",
            ),
            (
                "nobody",
                "#!/bin/sh\necho '{\"SchemaVersion\":\"0.1.0\"}'\n",
                0o755,
                "plugin metadata does not define a vendor",
            ),
        ] {
            assert_eq!(judged(name, script, mode), Err(error.to_owned()));
        }
    }
}
