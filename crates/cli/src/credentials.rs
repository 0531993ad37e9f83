//! Registry credentials: in config.json, or with a credential helper program.
//!
//! A helper is a program `docker-credential-NAME` that is told `get`, `store` or `erase` and speaks JSON. Secrets go
//! through its standard input, never through its arguments.

mod all;
mod given;

use std::io::Write as _;
use std::process::{Command, Stdio};

use api::auth::Config as Login;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::reference::Reference;
use serde_json::{Map, Value, json};

use crate::cli::Cli;
use crate::environment;
use crate::failure::{Failure, Outcome};

pub(crate) use all::config_file;

/// The key of Docker Hub.
pub(crate) const HUB: &str = "https://index.docker.io/v1/";
/// The variable that may hold credentials; they go before those that are kept, and are never written anywhere.
const VARIABLE: &str = "DOCKER_AUTH_CONFIG";
/// The user name that stands for a token.
const TOKEN_USER: &str = "<token>";

/// The key of the registry that the user names; of Docker Hub for none.
pub(crate) fn server(argument: &str) -> String {
    let bare =
        argument.strip_prefix("https://").or_else(|| argument.strip_prefix("http://")).unwrap_or(argument);
    let host = bare.split('/').next().unwrap_or_default();
    match host {
        "" | "docker.io" | "index.docker.io" | "registry-1.docker.io" => HUB.to_owned(),
        host => host.to_owned(),
    }
}

/// The header with the credentials for the registry of `reference`.
pub(crate) fn header(cli: &Cli, reference: &Reference) -> Outcome<String> {
    header_for(cli, reference.domain())
}

/// The header with the credentials for a registry by its host; Docker Hub's for none.
pub(crate) fn header_for(cli: &Cli, host: &str) -> Outcome<String> {
    let server = server(host);
    let mut login = load(cli, &server)?;
    if login != Login::default() {
        login.serveraddress = server;
    }
    Ok(login.encode())
}

/// The program that keeps the credentials of `server`, if one does.
fn helper(cli: &Cli, server: &str) -> Option<String> {
    let config = cli.config();
    let own = config.at(&["credHelpers", server]).and_then(Value::as_str);
    own.or(Some(config.text("credsStore")))
        .filter(|name| !name.is_empty())
        .map(|name| format!("docker-credential-{name}"))
}

/// The credentials for `server`: of `DOCKER_AUTH_CONFIG`, else those that are kept; empty ones if there are none.
pub(crate) fn load(cli: &Cli, server: &str) -> Outcome<Login> {
    if let Some(given) = environment::get(VARIABLE) {
        match given::of(&given, server) {
            Ok(Some(login)) => return Ok(login),
            Ok(None) => {}
            Err(reason) => {
                cli.warn(format!("Failed to create credential store from {VARIABLE}:  {reason}"));
            }
        }
    }
    if let Some(program) = helper(cli, server) {
        return from_helper(&program, server);
    }
    // Older files have keys with a scheme.
    let Some(Value::Object(entries)) = cli.config().at(&["auths"]) else { return Ok(Login::default()) };
    let entry = entries
        .get(server)
        .or_else(|| entries.iter().find(|(key, _)| self::server(key) == server).map(|(_, entry)| entry));
    let Some(entry) = entry else { return Ok(Login::default()) };
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (username, password) = decode(&text("auth"));
    Ok(Login {
        username: if username.is_empty() { text("username") } else { username },
        password: if password.is_empty() { text("password") } else { password },
        identitytoken: text("identitytoken"),
        registrytoken: text("registrytoken"),
        ..Login::default()
    })
}

fn decode(auth: &str) -> (String, String) {
    let bytes = STANDARD.decode(auth).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split_once(':').map_or_else(Default::default, |(user, password)| {
        (user.to_owned(), password.trim_end_matches('\0').to_owned())
    })
}

fn from_helper(program: &str, server: &str) -> Outcome<Login> {
    let (ok, output) = call(program, "get", server.as_bytes())?;
    if !ok {
        // The helper says so on its standard output; anything else is a real failure.
        let text = output.trim();
        if text.contains("credentials not found in native keychain") {
            return Ok(Login::default());
        }
        return Err(Failure::new(format!("error getting credentials - err: exit status 1, out: `{text}`")));
    }
    let answer: Map<String, Value> =
        serde_json::from_str(&output).map_err(|error| Failure::new(format!("{program}: {error}")))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (user, secret) = (text("Username"), text("Secret"));
    if user == TOKEN_USER {
        return Ok(Login { identitytoken: secret, ..Login::default() });
    }
    Ok(Login { username: user, password: secret, ..Login::default() })
}

/// Runs a helper: whether it was content, and what it said.
fn call(program: &str, verb: &str, input: &[u8]) -> Outcome<(bool, String)> {
    let at = |error: std::io::Error| {
        Failure::new(format!("error calling {program}: {}", crate::failure::system_words(&error)))
    };
    let mut child =
        Command::new(program).arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(at)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input fails by its own exit code.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().map_err(at)?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Keeps the credentials; gives the helper that has them, if one does.
pub(crate) fn store(cli: &Cli, server: &str, login: &Login) -> Outcome<Option<String>> {
    let Some(program) = helper(cli, server) else {
        let entry = entry(login);
        cli.config().change(|values| {
            auths(values).insert(server.to_owned(), Value::Object(entry));
        })?;
        return Ok(None);
    };
    let (user, secret) = if login.identitytoken.is_empty() {
        (login.username.as_str(), login.password.as_str())
    } else {
        (TOKEN_USER, login.identitytoken.as_str())
    };
    let request = json!({"ServerURL": server, "Username": user, "Secret": secret}).to_string();
    let (ok, output) = call(&program, "store", request.as_bytes())?;
    if !ok {
        return Err(Failure::new(format!(
            "error storing credentials - err: exit status 1, out: `{}`",
            output.trim()
        )));
    }
    // The entry says that there is a login, without its secret.
    cli.config().change(|values| {
        auths(values).insert(server.to_owned(), json!({}));
    })?;
    Ok(Some(program))
}

/// A login as it stands in the file.
fn entry(login: &Login) -> Map<String, Value> {
    let mut entry = Map::new();
    if !login.username.is_empty() {
        let auth = STANDARD.encode(format!("{}:{}", login.username, login.password));
        entry.insert("auth".to_owned(), auth.into());
    }
    if !login.identitytoken.is_empty() {
        entry.insert("identitytoken".to_owned(), login.identitytoken.clone().into());
    }
    entry
}

fn auths(values: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let entry = values.entry("auths").or_insert_with(|| json!({}));
    if !entry.is_object() {
        *entry = json!({});
    }
    match entry {
        Value::Object(auths) => auths,
        _ => unreachable!("it was made an object just now"),
    }
}

/// Whether the file knows of a login at `server`.
fn is_logged_in(cli: &Cli, server: &str) -> bool {
    cli.config().at(&["auths", server]).is_some()
}

/// Forgets the credentials.
pub(crate) fn erase(cli: &Cli, server: &str) -> Outcome {
    if let Some(program) = helper(cli, server) {
        // A helper that is not there keeps nothing.
        let failed = match call(&program, "erase", server.as_bytes()) {
            Ok((true, _)) => None,
            Ok((false, output)) => Some(output.trim().to_owned()),
            Err(failure) => Some(failure.text),
        };
        if let Some(text) = failed.filter(|text| !text.contains("credentials not found")) {
            cli.warn(format!("WARNING: could not erase credentials:\n{server}: {text}"));
        }
    }
    if !is_logged_in(cli, server) {
        return Ok(());
    }
    cli.config().change(|values| {
        auths(values).remove(server);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        for (argument, key) in [
            ("", HUB),
            ("docker.io", HUB),
            ("https://index.docker.io/v1/", HUB),
            ("localhost:5000", "localhost:5000"),
            ("https://reg.example/v2/", "reg.example"),
        ] {
            assert_eq!(server(argument), key);
        }
    }

    #[test]
    fn basic_credentials() {
        assert_eq!(decode(&STANDARD.encode("me:a:b")), ("me".into(), "a:b".into()));
        assert_eq!(decode("%%"), (String::new(), String::new()));
    }
}
