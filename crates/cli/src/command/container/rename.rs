//! `container rename`: rename a container.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTAINER NEW_NAME",
    about: "Rename a container",
    aliases: "docker container rename, docker rename",
    args: Args::Exactly(2),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let (old, new) = (parsed.arg(0).trim(), parsed.arg(1).trim());
    if old.is_empty() || new.is_empty() {
        return Err(Failure::new("Error: Neither old nor new names may be empty"));
    }
    cli.client()?
        .container_rename(old, new)
        .map_err(|error| Failure::new(format!("{error}\nError: failed to rename container named {old}")))
}
