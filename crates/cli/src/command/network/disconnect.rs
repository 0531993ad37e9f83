//! `network disconnect`: disconnect a container from a network.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::flag::boolean;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] NETWORK CONTAINER",
    about: "Disconnect a container from a network",
    aliases: "",
    args: Args::Exactly(2),
    interspersed: true,
    flags: &[boolean("force", 'f', "Force the container to disconnect from a network")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    Ok(cli.client()?.network_disconnect(parsed.arg(0), parsed.arg(1), parsed.on("force"))?)
}
