//! `context show`: print the name of the current context.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::connect;
use crate::failure::Outcome;
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "",
    about: "Print the name of the current context",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, _: &Parsed) -> Outcome {
    cli.print(connect::context_name(cli))
}
