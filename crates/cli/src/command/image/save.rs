//! `image save`: save one or more images to a tar archive (streamed to STDOUT by default).

use crate::command::{Args, Command};
use crate::flag::{NONE, text};
use std::path::Path;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::outfile;
use crate::opts::platform;
use crate::terminal;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    about: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    aliases: "docker image save, docker save",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        text("output", 'o', "Write to a file, instead of STDOUT"),
        text(
            "platform",
            NONE,
            "Save only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
        ),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let path = parsed.text("output");
    if path.is_empty() && terminal::is_output() {
        return Err(Failure::new("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
    }
    if !path.is_empty() {
        outfile::check(Path::new(path))
            .map_err(|reason| Failure::new(format!("failed to save image: {reason}")))?;
    }
    let only = parsed.all("platform").map(platform::parse).collect::<Outcome<Vec<_>>>()?;
    let body = cli.client()?.image_save(&parsed.args, &only)?;
    outfile::store(body, path)
}
