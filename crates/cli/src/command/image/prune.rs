//! `image prune`: remove unused images.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::{Parsed, boolean};
use crate::pruning;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Remove unused images",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[
        boolean("all", 'a', "Remove all unused images, not just dangling ones"),
        pruning::FILTER,
        pruning::FORCE,
    ],
    run,
};

const WARNING_ALL: &str = "WARNING! This will remove all images without at least one container associated to them.\nAre you sure you want to continue?";
const WARNING_DANGLING: &str =
    "WARNING! This will remove all dangling images.\nAre you sure you want to continue?";

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let all = parsed.on("all");
    if !pruning::agreed(parsed, if all { WARNING_ALL } else { WARNING_DANGLING })? {
        return Ok(());
    }
    let mut filters = pruning::filters_of(cli, parsed);
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
    text.push_str(&format!("{}\n", pruning::reclaimed(report.space_reclaimed)));
    cli.write(text)
}
