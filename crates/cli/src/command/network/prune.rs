//! `network prune`: remove all unused networks.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::pruning;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Remove all unused networks",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[pruning::FILTER, pruning::FORCE],
    run,
};

const WARNING: &str = "WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?";

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if !pruning::agreed(parsed, WARNING)? {
        return Ok(());
    }
    let deleted =
        cli.client()?.network_prune(&pruning::filters_of(cli, parsed))?.networks_deleted.unwrap_or_default();
    if deleted.is_empty() {
        return Ok(());
    }
    cli.write(format!("Deleted Networks:\n{}\n\n", deleted.join("\n")))
}
