//! `image import`: import the contents from a tarball to create a filesystem image.

use crate::command::{Args, Command};
use crate::flag::{NONE, many, text};
use std::fs::File;
use std::io::Read;

use client::image::Import;
use oci::reference::Reference;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome, on_path};
use crate::flag::Parsed;
use crate::{progress, terminal};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    about: "Import the contents from a tarball to create a filesystem image",
    aliases: "docker image import, docker import",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        many("change", 'c', "list", None, "Apply Dockerfile instruction to the created image"),
        text("message", 'm', "Set commit message for imported image"),
        text("platform", NONE, "Set platform if server is multi-platform capable"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let source = parsed.arg(0);
    let is_url = source.starts_with("http://") || source.starts_with("https://");
    let mut stream: Option<Box<dyn Read>> = match source {
        "-" => Some(Box::new(std::io::stdin())),
        _ if is_url => None,
        path => Some(Box::new(File::open(path).map_err(|error| on_path("open", path, &error))?)),
    };
    if !parsed.arg(1).is_empty() {
        Reference::parse(parsed.arg(1)).map_err(|error| Failure::new(error.to_string()))?;
    }
    let options = Import {
        source: if is_url { source.to_owned() } else { "-".to_owned() },
        repo: parsed.arg(1).to_owned(),
        message: parsed.text("message").to_owned(),
        changes: parsed.list("change"),
        platform: parsed.text("platform").to_owned(),
    };
    let tar = stream.as_mut().map(|stream| &mut **stream as &mut dyn Read);
    let body = cli.client()?.image_import(&options, tar)?;
    progress::draw(body, progress::Drawn::on(terminal::is_output()), &mut std::io::stdout(), |_| Ok(()))
}
