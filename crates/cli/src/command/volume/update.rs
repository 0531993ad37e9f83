//! `volume update`: update a cluster volume.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::{Failure, Outcome};
use crate::flag::{NONE, Parsed, text};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] [VOLUME]",
    about: "Update a volume (cluster volumes only)",
    aliases: "",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[text(
        "availability",
        NONE,
        "Cluster Volume availability (\"active\", \"pause\", \"drain\") (default \"active\")",
    )],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    // Asked for all the same: there may be no such volume.
    cli.client()?.volume_inspect_raw(parsed.arg(0))?;
    Err(Failure::new("can only update cluster volumes"))
}
