//! `system prune`: remove unused data.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean};
use api::container::PruneReport;
use client::Filters;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::pruning;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "Remove unused data",
    aliases: "",
    args: Args::None,
    interspersed: true,
    flags: &[
        boolean("all", 'a', "Remove all unused images not just dangling ones"),
        pruning::filter_flag("Provide filter values (e.g. \"label=<key>=<value>\")"),
        pruning::FORCE,
        boolean("volumes", NONE, "Prune anonymous volumes"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let (all, volumes) = (parsed.on("all"), parsed.on("volumes"));
    let chosen = pruning::filters_of(cli, parsed);
    if volumes && chosen.contains("until") {
        return Err(Failure::new("ERROR: The \"until\" filter is not supported with \"--volumes\""));
    }
    if !pruning::agreed(parsed, &warning(all, volumes, &chosen))? {
        return Ok(());
    }
    let client = cli.client()?;
    let mut reclaimed = 0;
    let PruneReport { containers_deleted, space_reclaimed } = client.container_prune(&chosen)?;
    reclaimed += space_reclaimed;
    section(cli, "Deleted Containers", &containers_deleted.unwrap_or_default())?;
    section(cli, "Deleted Networks", &client.network_prune(&chosen)?.networks_deleted.unwrap_or_default())?;
    if volumes {
        let report = client.volume_prune(&chosen)?;
        reclaimed += report.space_reclaimed;
        section(cli, "Deleted Volumes", &report.volumes_deleted)?;
    }
    let mut of_images = chosen.clone();
    of_images.add("dangling", if all { "false" } else { "true" });
    let report = client.image_prune(&of_images)?;
    reclaimed += report.space_reclaimed;
    let lines: Vec<String> = report
        .images_deleted
        .unwrap_or_default()
        .iter()
        .map(|item| {
            if item.untagged.is_empty() {
                format!("deleted: {}", item.deleted)
            } else {
                format!("untagged: {}", item.untagged)
            }
        })
        .collect();
    section(cli, "Deleted Images", &lines)?;
    match client.build_cache_prune(all, &chosen) {
        Ok((space, records)) => {
            reclaimed += space;
            section(cli, "Deleted build cache objects", &records)?;
        }
        // An engine without a builder has no cache to prune.
        Err(error) if matches!(error.class(), errdefs::Class::NotFound | errdefs::Class::NotImplemented) => {}
        Err(error) => return Err(error.into()),
    }
    cli.print(pruning::reclaimed(reclaimed))
}

fn section(cli: &Cli, title: &str, lines: &[String]) -> Outcome {
    if lines.is_empty() { Ok(()) } else { cli.write(format!("{title}:\n{}\n\n", lines.join("\n"))) }
}

fn warning(all: bool, volumes: bool, chosen: &Filters) -> String {
    let mut text = String::from(
        "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n",
    );
    if volumes {
        text.push_str("  - all anonymous volumes not used by at least one container\n");
    }
    text.push_str(if all {
        "  - all images without at least one container associated to them\n  - all build cache\n"
    } else {
        "  - all dangling images\n  - unused build cache\n"
    });
    if !chosen.is_empty() {
        text.push_str("\n  Items to be pruned will be filtered with:\n");
        for key in chosen.keys() {
            for value in chosen.get(key) {
                text.push_str(&format!("  - {key}={value}\n"));
            }
        }
    }
    text.push_str("\nAre you sure you want to continue?");
    text
}
