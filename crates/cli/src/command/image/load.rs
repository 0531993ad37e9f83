//! `image load`: load an image from a tar archive or STDIN.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, text};
use std::fs::File;
use std::io::Read;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome, on_path};
use crate::flag::Parsed;
use crate::opts::platform;
use crate::{progress, terminal};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Load an image from a tar archive or STDIN",
    aliases: "docker image load, docker load",
    args: Args::None,
    interspersed: true,
    flags: &[
        text("input", 'i', "Read from tar archive file, instead of STDIN"),
        text(
            "platform",
            NONE,
            "Load only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
        ),
        boolean("quiet", 'q', "Suppress the load output"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let path = parsed.text("input");
    let mut source: Box<dyn Read> = if path.is_empty() {
        if terminal::is_input() {
            return Err(Failure::new("requested load from stdin, but stdin is empty"));
        }
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| on_path("open", path, &error))?)
    };
    let only = parsed.all("platform").map(platform::parse).collect::<Outcome<Vec<_>>>()?;
    let quiet = parsed.on("quiet") || !terminal::is_output();
    let (mut body, is_progress) = cli.client()?.image_load(&mut source, quiet, &only)?;
    if is_progress {
        let drawn = progress::Drawn::on(terminal::is_output());
        return progress::draw(body, drawn, &mut std::io::stdout(), |_| Ok(()));
    }
    std::io::copy(&mut body, &mut std::io::stdout())?;
    Ok(())
}
