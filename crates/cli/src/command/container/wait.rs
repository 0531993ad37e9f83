//! `container wait`: block until one or more containers stop, then print their exit codes.

use crate::command::{Args, Command};
use client::container::WaitCondition;

use crate::cli::Cli;
use crate::failure::{Failure, Failures, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTAINER [CONTAINER...]",
    about: "Block until one or more containers stop, then print their exit codes",
    aliases: "docker container wait, docker wait",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    let mut failures = Failures::default();
    for container in &parsed.args {
        let ended =
            client.container_wait(container, WaitCondition::NotRunning).and_then(|waiting| waiting.finish());
        match failures.note(ended) {
            Some(ended) => match ended.error {
                Some(error) => failures.push(error.message),
                None => cli.print(ended.status_code.to_string())?,
            },
            None => continue,
        }
    }
    failures.finish().map_err(|failure| Failure::new(failure.text))
}
