//! `network rm`: remove one or more networks.

use crate::command::{Args, Command};
use crate::flag::boolean;
use client::Client;
use errdefs::Class;

use crate::cli::Cli;
use crate::failure::{EXIT_FAILURE, Failure, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "NETWORK [NETWORK...]",
    about: "Remove one or more networks",
    aliases: "docker network rm, docker network remove",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[boolean("force", 'f', "Do not error if the network does not exist")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    let mut failed = false;
    for network in &parsed.args {
        match remove(client, network) {
            Ok(()) => cli.print(network)?,
            Err(error) if parsed.on("force") && error.class() == Class::NotFound => {}
            Err(error) => {
                cli.warn(error.to_string());
                failed = true;
            }
        }
    }
    // Docker's client says this last, since it passes the code on as an error.
    if failed { Err(Failure::with_code(EXIT_FAILURE, "exit status 1")) } else { Ok(()) }
}

fn remove(client: &Client, network: &str) -> errdefs::Result<()> {
    client.network_remove(network)
}
