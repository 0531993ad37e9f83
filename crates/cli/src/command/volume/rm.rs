//! `volume rm`: remove one or more volumes. You cannot remove a volume that is in use by a container.

use crate::cli::Cli;
use crate::command::{Args, Command, one_by_one};
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::flag::boolean;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] VOLUME [VOLUME...]",
    about: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
    aliases: "docker volume rm, docker volume remove",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[boolean("force", 'f', "Force the removal of one or more volumes")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    one_by_one(cli, &parsed.args, |volume| client.volume_remove(volume, parsed.on("force")))
}
