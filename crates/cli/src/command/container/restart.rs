//! `container restart`: restart one or more containers.

use super::ending;
use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Restart one or more containers",
    aliases: "docker container restart, docker restart",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: ending::FLAGS,
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    ending::each(cli, parsed, |container, signal, timeout| {
        client.container_restart(container, signal, timeout)
    })
}
