//! `context export`: export a context to a tar archive.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::context::{self, archive};
use crate::failure::{Failure, Outcome, on_path};
use crate::flag::Parsed;
use crate::{connect, session, terminal};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTEXT [FILE|-]",
    about: "Export a context to a tar archive FILE or a tar stream on STDOUT.",
    aliases: "",
    args: Args::Between(1, 2),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let name = parsed.arg(0);
    let meta = connect::context(cli, name)?;
    let material = if name == context::DEFAULT {
        connect::default_material(cli)?
    } else {
        connect::contexts(cli).material(name)?
    };
    match parsed.arg(1) {
        "-" if terminal::is_output() => {
            Err(Failure::new("cowardly refusing to export to a terminal, specify a file path"))
        }
        "-" => archive::write(session::output()?, &meta, &material),
        path => {
            let named = format!("{name}.dockercontext");
            let path = if path.is_empty() { &named } else { path };
            // It holds keys.
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(|error| on_path("open", path, &error))?;
            archive::write(file, &meta, &material)?;
            cli.warn(format!("Written file {path:?}"));
            Ok(())
        }
    }
}
