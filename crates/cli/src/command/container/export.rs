//! `container export`: export a container's filesystem as a tar archive.

use crate::command::{Args, Command};
use crate::flag::text;
use std::path::Path;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::outfile;
use crate::terminal;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER",
    about: "Export a container's filesystem as a tar archive",
    aliases: "docker container export, docker export",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[text("output", 'o', "Write to a file, instead of STDOUT")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let path = parsed.text("output");
    if path.is_empty() && terminal::is_output() {
        return Err(Failure::new("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
    }
    if !path.is_empty() {
        outfile::check(Path::new(path))
            .map_err(|reason| Failure::new(format!("failed to export container: {reason}")))?;
    }
    let body = cli.client()?.container_export(parsed.arg(0))?;
    outfile::store(body, path)
}
