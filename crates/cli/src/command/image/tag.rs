//! `image tag`: create a tag TARGET_IMAGE that refers to SOURCE_IMAGE.

use crate::command::{Args, Command};
use oci::reference::Reference;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    about: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    aliases: "docker image tag, docker tag",
    args: Args::Exactly(2),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let target = Reference::parse(parsed.arg(1)).map_err(|error| {
        Failure::new(format!(
            "Error parsing reference: {:?} is not a valid repository/tag: {error}",
            parsed.arg(1)
        ))
    })?;
    if target.digest().is_some() {
        return Err(Failure::new("refusing to create a tag with a digest reference"));
    }
    let target = target.tag_or_latest();
    Ok(cli.client()?.image_tag(parsed.arg(0), &target.name(), target.tag().unwrap_or_default())?)
}
