//! `container inspect`: display detailed information on one or more containers.

use crate::cli::Cli;
use crate::command::inspect::{Found, show};
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::{OBJECT_FORMAT, Parsed};
use crate::flag::{boolean, text};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Display detailed information on one or more containers",
    aliases: "",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[text("format", 'f', OBJECT_FORMAT), boolean("size", 's', "Display total file sizes")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    let size = parsed.on("size");
    show(cli, parsed.text("format"), &parsed.args, |name| {
        Ok(Found::container(client.container_inspect_raw(name, size)?))
    })
}
