//! `volume prune`: remove unused local volumes.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::{Failure, Outcome};
use crate::flag::{Parsed, boolean};
use crate::pruning;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Remove unused local volumes",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[
        boolean("all", 'a', "Remove all unused volumes, not just anonymous ones"),
        pruning::filter_flag("Provide filter values (e.g. \"label=<label>\")"),
        pruning::FORCE,
    ],
    run,
};

const WARNING_ANONYMOUS: &str = "WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue?";
const WARNING_ALL: &str = "WARNING! This will remove all local volumes not used by at least one container.\nAre you sure you want to continue?";

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let all = parsed.on("all");
    let mut filters = pruning::filters_of(cli, parsed);
    if all {
        if filters.contains("all") {
            return Err(Failure::new("conflicting options: cannot specify both --all and --filter all=1"));
        }
        filters.add("all", "true");
    }
    if !pruning::agreed(parsed, if all { WARNING_ALL } else { WARNING_ANONYMOUS })? {
        return Ok(());
    }
    let report = cli.client()?.volume_prune(&filters)?;
    let mut text = String::new();
    if !report.volumes_deleted.is_empty() {
        text = format!("Deleted Volumes:\n{}\n\n", report.volumes_deleted.join("\n"));
    }
    text.push_str(&format!("{}\n", pruning::reclaimed(report.space_reclaimed)));
    cli.write(text)
}
