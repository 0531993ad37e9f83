//! `container prune`: remove all stopped containers.

use crate::cli::Cli;
use crate::command::system::prune::filters_of;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::flag::{NONE, boolean, many};
use crate::format::human;
use crate::opts::filter;
use crate::prompt;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Remove all stopped containers",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[
        many(
            "filter",
            NONE,
            "filter",
            Some(filter::check),
            "Provide filter values (e.g. \"until=<timestamp>\")",
        ),
        boolean("force", 'f', "Do not prompt for confirmation"),
    ],
    run,
};

const WARNING: &str = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?";

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if !parsed.on("force") && !prompt::confirm(WARNING)? {
        return Ok(());
    }
    let report = cli.client()?.container_prune(&filters_of(cli, parsed))?;
    let deleted = report.containers_deleted.unwrap_or_default();
    let mut text = String::new();
    if !deleted.is_empty() {
        text = format!("Deleted Containers:\n{}\n\n", deleted.join("\n"));
    }
    text.push_str(&format!("Total reclaimed space: {}\n", human::size(report.space_reclaimed as f64)));
    cli.write(text)
}
