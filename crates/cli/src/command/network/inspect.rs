//! `network inspect`: display detailed information on one or more networks.

use crate::cli::Cli;
use crate::command::inspect::{Found, show};
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::{OBJECT_FORMAT, Parsed};
use crate::flag::{boolean, text};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] NETWORK [NETWORK...]",
    about: "Display detailed information on one or more networks",
    aliases: "",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[text("format", 'f', OBJECT_FORMAT), boolean("verbose", 'v', "Verbose output for diagnostics")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    let verbose = parsed.on("verbose");
    show(cli, parsed.text("format"), &parsed.args, |name| {
        Ok(Found::network(client.network_inspect_raw(name, verbose)?))
    })
}
