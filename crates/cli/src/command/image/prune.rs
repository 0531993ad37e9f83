//! `image prune`: remove unused images.

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
    about: "Remove unused images",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[
        boolean("all", 'a', "Remove all unused images, not just dangling ones"),
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

const WARNING_ALL: &str = "WARNING! This will remove all images without at least one container associated to them.\nAre you sure you want to continue?";
const WARNING_DANGLING: &str =
    "WARNING! This will remove all dangling images.\nAre you sure you want to continue?";

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let all = parsed.on("all");
    if !parsed.on("force") && !prompt::confirm(if all { WARNING_ALL } else { WARNING_DANGLING })? {
        return Ok(());
    }
    let mut filters = filters_of(cli, parsed);
    filters.add("dangling", if all { "false" } else { "true" });
    let report = cli.client()?.image_prune(&filters)?;
    let mut text = String::new();
    let deleted = report.images_deleted.unwrap_or_default();
    if !deleted.is_empty() {
        text.push_str("Deleted Images:\n");
        for item in &deleted {
            if item.untagged.is_empty() {
                text.push_str(&format!("deleted: {}\n", item.deleted));
            } else {
                text.push_str(&format!("untagged: {}\n", item.untagged));
            }
        }
        text.push('\n');
    }
    text.push_str(&format!("Total reclaimed space: {}\n", human::size(report.space_reclaimed as f64)));
    cli.write(text)
}
