//! `container prune`: remove all stopped containers.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::pruning;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Remove all stopped containers",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[pruning::FILTER, pruning::FORCE],
    run,
};

const WARNING: &str = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?";

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if !pruning::agreed(parsed, WARNING)? {
        return Ok(());
    }
    let report = cli.client()?.container_prune(&pruning::filters_of(cli, parsed))?;
    let deleted = report.containers_deleted.unwrap_or_default();
    let mut text = String::new();
    if !deleted.is_empty() {
        text = format!("Deleted Containers:\n{}\n\n", deleted.join("\n"));
    }
    text.push_str(&format!("{}\n", pruning::reclaimed(report.space_reclaimed)));
    cli.write(text)
}
