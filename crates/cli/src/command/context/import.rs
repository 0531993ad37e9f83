//! `context import`: import a context from a tar file.

use std::fs::File;

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::connect;
use crate::context::archive;
use crate::failure::{Outcome, on_path};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTEXT FILE|-",
    about: "Import a context from a tar or zip file",
    aliases: "",
    args: Args::Exactly(2),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let name = parsed.arg(0);
    let contexts = connect::contexts(cli);
    contexts.check_new_name(name)?;
    let (mut meta, material) = match parsed.arg(1) {
        "-" => archive::read(std::io::stdin().lock())?,
        path => archive::read(File::open(path).map_err(|error| on_path("open", path, &error))?)?,
    };
    name.clone_into(&mut meta.name);
    contexts.save(&meta)?;
    contexts.set_material(name, &material)?;
    cli.print(name)?;
    cli.warn(format!("Successfully imported context {name:?}"));
    Ok(())
}
