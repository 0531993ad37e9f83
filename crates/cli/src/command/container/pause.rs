//! `container pause`: pause all processes within one or more containers.

use crate::cli::Cli;
use crate::command::{Args, Command, one_by_one};
use crate::failure::Outcome;
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTAINER [CONTAINER...]",
    about: "Pause all processes within one or more containers",
    aliases: "docker container pause, docker pause",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    one_by_one(cli, &parsed.args, |container| client.container_pause(container))
}
