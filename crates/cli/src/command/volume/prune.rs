//! `volume prune`: remove unused local volumes.

use crate::cli::Cli;
use crate::command::system::prune::filters_of;
use crate::command::{Args, Command};
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::flag::{NONE, boolean, many};
use crate::format::human;
use crate::opts::filter;
use crate::prompt;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Remove unused local volumes",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[
        boolean("all", 'a', "Remove all unused volumes, not just anonymous ones"),
        many("filter", NONE, "filter", Some(filter::check), "Provide filter values (e.g. \"label=<label>\")"),
        boolean("force", 'f', "Do not prompt for confirmation"),
    ],
    run,
};

const WARNING_ANONYMOUS: &str = "WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue?";
const WARNING_ALL: &str = "WARNING! This will remove all local volumes not used by at least one container.\nAre you sure you want to continue?";

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let all = parsed.on("all");
    let mut filters = filters_of(cli, parsed);
    if all {
        if filters.contains("all") {
            return Err(Failure::new("conflicting options: cannot specify both --all and --filter all=1"));
        }
        filters.add("all", "true");
    }
    if !parsed.on("force") && !prompt::confirm(if all { WARNING_ALL } else { WARNING_ANONYMOUS })? {
        return Ok(());
    }
    let report = cli.client()?.volume_prune(&filters)?;
    let mut text = String::new();
    if !report.volumes_deleted.is_empty() {
        text = format!("Deleted Volumes:\n{}\n\n", report.volumes_deleted.join("\n"));
    }
    text.push_str(&format!("Total reclaimed space: {}\n", human::size(report.space_reclaimed as f64)));
    cli.write(text)
}
