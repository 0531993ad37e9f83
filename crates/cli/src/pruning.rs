//! What the prune commands share: their flags, their filters, the question, and the last line.

use client::Filters;

use crate::cli::Cli;
use crate::failure::Outcome;
use crate::flag::{Flag, NONE, Parsed, boolean, many};
use crate::format::human;
use crate::opts::filter;
use crate::prompt;

/// `--force`.
pub(crate) const FORCE: Flag = boolean("force", 'f', "Do not prompt for confirmation");
/// `--filter`, of those that know of times.
pub(crate) const FILTER: Flag = filter_flag("Provide filter values (e.g. \"until=<timestamp>\")");

/// `--filter` with an example of its own.
pub(crate) const fn filter_flag(help: &'static str) -> Flag {
    many("filter", NONE, "filter", Some(filter::check), help)
}

/// The filters of a prune: the flags', and those configured in `pruneFilters` that no flag names.
pub(crate) fn filters_of(cli: &Cli, parsed: &Parsed) -> Filters {
    let mut chosen = filter::collect(parsed.all("filter"));
    for configured in cli.config().list("pruneFilters") {
        let Some((key, value)) = configured.split_once('=') else { continue };
        let opposite = if key == "label" { "label!" } else { "label" };
        let named =
            chosen.get(key).any(|given| given == value) || chosen.get(opposite).any(|given| given == value);
        if !named {
            chosen.add(key, value);
        }
    }
    chosen
}

/// Whether to go on: by `--force`, or because the user says so.
pub(crate) fn agreed(parsed: &Parsed, warning: &str) -> Outcome<bool> {
    Ok(parsed.on("force") || prompt::confirm(warning)?)
}

/// The last line.
pub(crate) fn reclaimed(bytes: u64) -> String {
    format!("Total reclaimed space: {}", human::size(bytes as f64))
}
