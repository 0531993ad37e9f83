//! `logout`: log out from a registry.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::credentials;
use crate::failure::Outcome;
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[SERVER]",
    about: "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
    aliases: "",
    args: Args::AtMost(1),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let server = credentials::server(parsed.arg(0));
    cli.print(format!("Removing login credentials for {server}"))?;
    credentials::erase(cli, &server)
}
