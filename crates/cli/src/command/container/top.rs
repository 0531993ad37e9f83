//! `container top`: display the running processes of a container.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::format::table;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTAINER [ps OPTIONS]",
    about: "Display the running processes of a container",
    aliases: "docker container top, docker top",
    args: Args::AtLeast(1),
    interspersed: false,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    /// As wide as `ps` makes its own columns at least, three apart.
    const WIDTH_MIN: usize = 20;
    const PADDING: usize = 3;
    let arguments = parsed.args.get(1..).unwrap_or_default();
    let top = cli.client()?.container_top(parsed.arg(0), arguments)?;
    let mut text = top.titles.join("\t");
    text.push('\n');
    for process in &top.processes {
        text.push_str(&process.join("\t"));
        text.push('\n');
    }
    cli.write(table::align_with(&text, WIDTH_MIN, PADDING))
}
