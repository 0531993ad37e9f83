//! `context ls`: list contexts.

use crate::command::{Args, Command};
use crate::flag::{LIST_FORMAT, NONE, boolean, text};
use template::Value;

use crate::cli::Cli;
use crate::context::Meta;
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::format::rows::{self, Kind, Row};
use crate::format::{human, natural};
use crate::{connect, context, environment};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "List contexts",
    aliases: "docker context ls, docker context list",
    args: Args::None,
    interspersed: true,
    flags: &[text("format", NONE, LIST_FORMAT), boolean("quiet", 'q', "Only show context names")],
    run,
};

/// Letters of a description or an error that are shown.
const TEXT_LENGTH: usize = 45;

static KIND: Kind = Kind {
    table: "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}",
    quiet: "{{.Name}}",
    headers: &[
        ("Name", "NAME"),
        ("Description", "DESCRIPTION"),
        ("DockerEndpoint", "DOCKER ENDPOINT"),
        ("Error", "ERROR"),
        ("Current", ""),
    ],
    type_name: "formatter.clientContextContext",
};

/// What is said of the default context.
pub(super) const DEFAULT_DESCRIPTION: &str = "Current DOCKER_HOST based configuration";

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let current = connect::context_name(cli);
    let row = |name: &str, description: &str, host: &str, error: &str| {
        Row::new()
            .with("Name", name)
            .with_value("Current", Value::Bool(name == current))
            .with("Description", human::ellipsis(description, TEXT_LENGTH))
            .with("DockerEndpoint", host)
            .with("Error", human::ellipsis(error, TEXT_LENGTH))
    };
    let contexts = connect::contexts(cli);
    let mut known = contexts.list();
    if current != context::DEFAULT && !known.iter().any(|meta| meta.name == current) {
        known.push(Meta { name: current.clone(), ..Meta::default() });
    }
    let mut default = connect::default_context(cli)?;
    default.describe(DEFAULT_DESCRIPTION);
    known.push(default);
    known.sort_by_cached_key(|meta| natural::key(&meta.name));
    let rows = known.iter().map(|meta| {
        let error = if meta.endpoints.is_none() { contexts.load(&meta.name).err() } else { None };
        let error = error.map(|failure| failure.text).unwrap_or_default();
        row(&meta.name, meta.description(), meta.host(), &error)
    });
    cli.write(rows::render(
        &KIND,
        &rows::quieted(parsed.text("format").to_owned(), parsed.on("quiet")),
        parsed.on("quiet"),
        rows.collect(),
    )?)?;
    if environment::get("DOCKER_HOST").is_some() {
        cli.warn(
            "Warning: DOCKER_HOST environment variable overrides the active context. To use a context, either set the \
             global --context flag, or unset DOCKER_HOST environment variable.",
        );
    }
    Ok(())
}
