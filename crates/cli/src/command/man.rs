//! `man`: write the manual pages.

use std::path::Path;

use super::{Args, Command};
use crate::cli::Cli;
use crate::failure::{Outcome, on_path};
use crate::flag::{NONE, Parsed, text};
use crate::manual;

/// The command.
pub(super) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Write the manual pages of all commands",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[text("dir", NONE, "Directory to write the pages to (default \".\")").default(".")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let directory = Path::new(parsed.text("dir"));
    std::fs::create_dir_all(directory).map_err(|error| on_path("mkdir", directory.display(), &error))?;
    for (name, page) in manual::pages(cli.prog) {
        let path = directory.join(name);
        std::fs::write(&path, page).map_err(|error| on_path("open", path.display(), &error))?;
    }
    Ok(())
}
