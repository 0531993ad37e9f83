//! `context inspect`: display detailed information on one or more contexts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::Cli;
use crate::command::inspect::{Found, show};
use crate::command::{Args, Command};
use crate::context::{DEFAULT, Meta};
use crate::failure::Outcome;
use crate::flag::{OBJECT_FORMAT, Parsed, text};
use crate::{connect, format};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
    about: "Display detailed information on one or more contexts",
    aliases: "",
    args: Args::Any,
    interspersed: true,
    flags: &[text("format", 'f', OBJECT_FORMAT)],
    run,
};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    #[serde(flatten)]
    meta: Meta,
    #[serde(rename = "TLSMaterial")]
    material: BTreeMap<String, Vec<String>>,
    storage: Storage,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Storage {
    metadata_path: String,
    #[serde(rename = "TLSPath")]
    tls_path: String,
}

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let current = [connect::context_name(cli)];
    let names = if parsed.args.is_empty() { &current[..] } else { &parsed.args };
    show(cli, parsed.text("format"), names, |name| {
        let inspected = inspected(cli, name).map_err(|failure| errdefs::not_found(failure.text))?;
        let text = serde_json::to_string(&inspected).map_err(|error| errdefs::system(error.to_string()))?;
        Ok(Found::context(format::rows::html_escaped(&text).into_bytes()))
    })
}

fn inspected(cli: &Cli, name: &str) -> Outcome<Inspected> {
    const IN_MEMORY: &str = "<IN MEMORY>";
    let contexts = connect::contexts(cli);
    let meta = connect::context(cli, name)?;
    let is_default = name == DEFAULT;
    let material = if is_default { connect::default_material(cli)? } else { contexts.material(name)? };
    let path = |path: std::path::PathBuf| {
        if is_default { IN_MEMORY.to_owned() } else { path.display().to_string() }
    };
    Ok(Inspected {
        meta,
        material: material
            .into_iter()
            .map(|(endpoint, files)| (endpoint, files.into_keys().collect()))
            .collect(),
        storage: Storage {
            metadata_path: path(contexts.meta_path(name)),
            tls_path: path(contexts.tls_path(name)),
        },
    })
}
