//! `context ls`: list contexts.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, text};
use gotmpl::Value;

use crate::cli::Cli;
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::format::human;
use crate::format::rows::{self, Kind, Row};
use crate::{connect, context, environment};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "List contexts",
    aliases: "docker context ls, docker context list",
    args: Args::None,
    interspersed: true,
    flags: &[
        text(
            "format",
            NONE,
            "Format output using a custom template:\n'table':            Print output in table format with column headers (default)\n'table TEMPLATE':   Print output in table format using the given Go template\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.\nRefer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates",
        ),
        boolean("quiet", 'q', "Only show context names"),
    ],
    run,
};

/// Letters of a description that are shown.
const DESCRIPTION_LENGTH: usize = 45;

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

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let current = connect::context_name(cli);
    let host = environment::get("DOCKER_HOST").unwrap_or_else(|| format!("unix://{}", connect::SOCKET));
    let row = |name: &str, description: &str, host: &str| {
        Row::new()
            .with("Name", name)
            .with_value("Current", Value::Bool(name == current))
            .with("Description", human::ellipsis(description, DESCRIPTION_LENGTH))
            .with("DockerEndpoint", host)
            .with("Error", "")
    };
    let mut rows = vec![row(context::DEFAULT, "Current DOCKER_HOST based configuration", &host)];
    for known in context::list(cli.config().directory()) {
        rows.push(row(&known.name, &known.description, &known.host));
    }
    cli.write(rows::render(&KIND, parsed.text("format"), parsed.on("quiet"), rows)?)?;
    if environment::get("DOCKER_HOST").is_some() && current == context::DEFAULT && !parsed.on("quiet") {
        cli.warn(
            "Warning: DOCKER_HOST environment variable overrides the active context. To use a context, either set the \
             global --context flag, or unset DOCKER_HOST environment variable.",
        );
    }
    Ok(())
}
