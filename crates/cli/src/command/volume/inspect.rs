//! `volume inspect`: display detailed information on one or more volumes.

use crate::cli::Cli;
use crate::command::inspect::{Found, show};
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::text;
use crate::flag::{OBJECT_FORMAT, Parsed};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] VOLUME [VOLUME...]",
    about: "Display detailed information on one or more volumes",
    aliases: "",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[text("format", 'f', OBJECT_FORMAT)],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    show(cli, parsed.text("format"), &parsed.args, |name| Ok(Found::volume(client.volume_inspect_raw(name)?)))
}
