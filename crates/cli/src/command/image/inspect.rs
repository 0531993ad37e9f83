//! `image inspect`: display detailed information on one or more images.

use crate::cli::Cli;
use crate::command::inspect::{Found, show};
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::{NONE, text};
use crate::flag::{OBJECT_FORMAT, Parsed};
use crate::opts::platform;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    about: "Display detailed information on one or more images",
    aliases: "",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        text("format", 'f', OBJECT_FORMAT),
        text(
            "platform",
            NONE,
            "Inspect a specific platform of the multi-platform image.\nIf the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
        ),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let only = match parsed.text("platform") {
        "" => None,
        text => Some(platform::parse(text)?),
    };
    let client = cli.client()?;
    show(cli, parsed.text("format"), &parsed.args, |name| {
        Ok(Found::image(client.image_inspect_raw(name, only.as_ref())?))
    })
}
