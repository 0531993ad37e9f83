//! `container diff`: inspect changes to files or directories on a container's filesystem.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTAINER",
    about: "Inspect changes to files or directories on a container's filesystem",
    aliases: "docker container diff, docker diff",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let container = parsed.arg(0);
    if container.is_empty() {
        return Err(Failure::new("invalid container name or ID: value is empty"));
    }
    let mut text = String::new();
    for change in cli.client()?.container_diff(container)? {
        let letter = match change.kind {
            0 => 'C',
            1 => 'A',
            2 => 'D',
            _ => ' ',
        };
        text.push_str(&format!("{letter} {}\n", change.path));
    }
    cli.write(text)
}
