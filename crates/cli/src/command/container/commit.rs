//! `container commit`: create a new image from a container's changes.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, many, text};
use client::container::Commit;
use oci::reference::Reference;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    about: "Create a new image from a container's changes",
    aliases: "docker container commit, docker commit",
    args: Args::Between(1, 2),
    interspersed: true,
    flags: &[
        text("author", 'a', "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
        many("change", 'c', "list", None, "Apply Dockerfile instruction to the created image"),
        text("message", 'm', "Commit message"),
        boolean("pause", 'p', "Pause container during commit (default true)").default("true"),
        boolean("no-pause", NONE, "Disable pausing container during commit").hide(),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let (repo, tag) = match parsed.arg(1) {
        "" => (String::new(), String::new()),
        name => {
            let reference = Reference::parse(name).map_err(|error| Failure::new(error.to_string()))?;
            if reference.digest().is_some() {
                return Err(Failure::new("cannot commit to digest reference"));
            }
            let tag = reference.tag_or_latest().tag().unwrap_or_default().to_owned();
            (reference.name(), tag)
        }
    };
    let id = cli.client()?.container_commit(&Commit {
        container: parsed.arg(0).to_owned(),
        repo,
        tag,
        author: parsed.text("author").to_owned(),
        comment: parsed.text("message").to_owned(),
        changes: parsed.list("change"),
        pause: parsed.on("pause") && !parsed.on("no-pause"),
    })?;
    cli.print(id)
}
