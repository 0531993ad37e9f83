//! `checkpoint ls`: list checkpoints for a container.

use super::needs_experiments;
use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::{NONE, Parsed, text};
use crate::format::rows::{self, Kind, Row};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER",
    about: "List checkpoints for a container",
    aliases: "docker checkpoint ls, docker checkpoint list",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[text("checkpoint-dir", NONE, "Use a custom checkpoint storage directory")],
    run,
};

static KIND: Kind = Kind {
    table: "{{.Name}}",
    quiet: "{{.Name}}",
    headers: &[("Name", "CHECKPOINT NAME")],
    type_name: "formatter.checkpointContext",
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    needs_experiments(cli, &cli.path)?;
    let checkpoints = cli.client()?.checkpoint_list(parsed.arg(0), parsed.text("checkpoint-dir"))?;
    let rows = checkpoints.iter().map(|checkpoint| Row::new().with("Name", &checkpoint.name)).collect();
    cli.write(rows::render(&KIND, "table", false, rows)?)
}
