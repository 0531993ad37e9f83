//! `container cp`: copy files/folders between a container and the local filesystem.

use crate::command::{Args, Command};
use crate::flag::boolean;
use std::path::PathBuf;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::human;
use crate::terminal;
use place::{Place, split};

mod from;
mod local;
mod place;
mod to;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\ndocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    about: "Copy files/folders between a container and the local filesystem\n\nUse '-' as the source to read a tar archive from stdin\nand extract it to a directory destination in a container.\nUse '-' as the destination to stream a tar archive of a\ncontainer source to stdout.",
    aliases: "docker container cp, docker cp",
    args: Args::Exactly(2),
    interspersed: true,
    flags: &[
        boolean("archive", 'a', "Archive mode (copy all uid/gid information)"),
        boolean("follow-link", 'L', "Always follow symbol link in SRC_PATH"),
        boolean(
            "quiet",
            'q',
            "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
        ),
    ],
    run,
};

/// What the flags ask for.
struct Options {
    follow_link: bool,
    archive: bool,
}

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let (source, destination) = (parsed.arg(0), parsed.arg(1));
    if source.is_empty() {
        return Err(Failure::new("source can not be empty"));
    }
    if destination.is_empty() {
        return Err(Failure::new("destination can not be empty"));
    }
    let options = Options { follow_link: parsed.on("follow-link"), archive: parsed.on("archive") };
    let quiet = if parsed.given("quiet") { parsed.on("quiet") } else { !terminal::is_output() };
    let (copied, shown) = match (split(source), split(destination)) {
        (Place::Container(container, path), Place::Local(to)) => {
            let copied = from::copy(cli, &container, &path, &to, &options)?;
            if to == "-" {
                return Ok(());
            }
            (copied, PathBuf::from(&to).display().to_string())
        }
        (Place::Local(path), Place::Container(container, to)) => {
            let copied = to::copy(cli, &path, &container, &to, &options)?;
            if path == "-" {
                return Ok(());
            }
            (copied, format!("{container}:{to}"))
        }
        (Place::Container(..), Place::Container(..)) => {
            return Err(Failure::new("copying between containers is not supported"));
        }
        (Place::Local(_), Place::Local(_)) => {
            return Err(Failure::new("must specify at least one container source"));
        }
    };
    if !quiet {
        cli.warn(format!("Successfully copied {} to {shown}", human::size_with_precision(copied as f64, 3)));
    }
    Ok(())
}
