//! `container rm`: remove one or more containers.

use crate::command::{Args, Command};
use crate::flag::boolean;
use client::container::Remove;

use crate::cli::Cli;
use crate::failure::{Failure, Failures, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Remove one or more containers",
    aliases: "docker container rm, docker container remove, docker rm",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        boolean("force", 'f', "Force the removal of a running container (uses SIGKILL)"),
        boolean("link", 'l', "Remove the specified link"),
        boolean("volumes", 'v', "Remove anonymous volumes associated with the container"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let options =
        Remove { volumes: parsed.on("volumes"), force: parsed.on("force"), link: parsed.on("link") };
    let client = cli.client()?;
    let names: Vec<&str> = parsed.args.iter().map(|name| name.trim_matches('/')).collect();
    if names.iter().any(|name| name.is_empty()) {
        return Err(Failure::new("container name cannot be empty"));
    }
    let results =
        crate::command::container::each_at_once(&names, |name| client.container_remove(name, options));
    let mut failures = Failures::default();
    for (name, result) in names.iter().zip(results) {
        match result {
            // With force it is enough that the container is not there.
            Err(error) if options.force && error.class() == errdefs::Class::NotFound => {
                cli.warn(error.to_string());
            }
            other => {
                if failures.note(other).is_some() {
                    cli.print(name)?;
                }
            }
        }
    }
    failures.finish()
}
