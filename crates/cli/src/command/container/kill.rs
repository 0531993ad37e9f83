//! `container kill`: kill one or more running containers.

use crate::cli::Cli;
use crate::command::{Args, Command, one_by_one};
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::flag::text;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Kill one or more running containers",
    aliases: "docker container kill, docker kill",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[text("signal", 's', "Signal to send to the container")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    one_by_one(cli, &parsed.args, |container| client.container_kill(container, parsed.text("signal")))
}
