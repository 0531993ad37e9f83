//! `volume inspect`: display detailed information on one or more volumes.

use crate::cli::Cli;
use crate::command::inspect::{Found, show};
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::flag::text;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] VOLUME [VOLUME...]",
    about: "Display detailed information on one or more volumes",
    aliases: "",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[text(
        "format",
        'f',
        "Format output using a custom template:\n'json':             Print in JSON format\n'TEMPLATE':         Print output using the given Go template.\nRefer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates",
    )],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    show(cli, parsed.text("format"), &parsed.args, |name| Ok(Found::other(client.volume_inspect_raw(name)?)))
}
