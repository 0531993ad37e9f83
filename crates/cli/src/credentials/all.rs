//! Every login that is known, for a container that is to act for the user (`--use-api-socket`).

use std::collections::{BTreeMap, BTreeSet};

use api::auth::Config as Login;
use serde_json::{Map, Value};

use super::{VARIABLE, call, entry, given, load};
use crate::cli::Cli;
use crate::environment;
use crate::failure::{Failure, Outcome};

/// The file `config.json` with every login and nothing else; `None` if there are none.
///
/// # Errors
/// If a helper fails.
pub(crate) fn config_file(cli: &Cli) -> Outcome<Option<String>> {
    let mut auths = Map::new();
    for server in servers(cli)? {
        let login = load(cli, &server)?;
        if login != Login::default() {
            auths.insert(server, Value::Object(entry(&login)));
        }
    }
    let file = BTreeMap::from([("auths", &auths)]);
    let text = serde_json::to_string_pretty(&file).map_err(|error| Failure::new(error.to_string()))?;
    Ok((!auths.is_empty()).then_some(text))
}

/// The servers that there may be a login for: of the variable, of the file, and of the helpers.
fn servers(cli: &Cli) -> Outcome<BTreeSet<String>> {
    let config = cli.config();
    let keys = |name: &str| match config.at(&[name]) {
        Some(Value::Object(entries)) => entries.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let mut all: BTreeSet<String> = keys("credHelpers").into_iter().collect();
    if let Some(text) = environment::get(VARIABLE) {
        all.extend(given::servers(&text));
    }
    match config.text("credsStore") {
        "" => all.extend(keys("auths")),
        store => all.extend(listed(&format!("docker-credential-{store}"))?),
    }
    Ok(all)
}

/// The servers that a helper knows.
fn listed(program: &str) -> Outcome<Vec<String>> {
    let (ok, output) = call(program, "list", b"")?;
    if !ok {
        return Err(Failure::new(format!(
            "error listing credentials - err: exit status 1, out: `{}`",
            output.trim()
        )));
    }
    let servers: BTreeMap<String, Value> =
        serde_json::from_str(&output).map_err(|error| Failure::new(format!("{program}: {error}")))?;
    Ok(servers.into_keys().collect())
}
