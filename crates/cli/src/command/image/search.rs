//! `search`: find images in an index.

use api::filters::Filters;

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::credentials;
use crate::failure::Outcome;
use crate::flag::{NONE, Parsed, boolean, many, single, text};
use crate::format::human;
use crate::format::rows::{self, Kind, Row};
use crate::opts::{filter, number};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] TERM",
    about: "Search Docker Hub for images",
    aliases: "",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[
        many("filter", 'f', "filter", Some(filter::check), "Filter output based on conditions provided"),
        text("format", NONE, "Pretty-print search using a Go template"),
        single("limit", NONE, "int", Some(number::check_int), "Max number of search results"),
        boolean("no-trunc", NONE, "Don't truncate output"),
    ],
    run,
};

/// Letters of a description that are shown.
const DESCRIPTION_LENGTH: usize = 45;

const KIND: Kind = Kind {
    table: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
    quiet: "{{.Name}}",
    headers: &[
        ("Name", "NAME"),
        ("Description", "DESCRIPTION"),
        ("StarCount", "STARS"),
        ("IsOfficial", "OFFICIAL"),
    ],
    type_name: "registry.searchContext",
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let filters: Filters = filter::collect(parsed.all("filter"));
    if filters.get("is-automated").any(|value| value == "true") {
        cli.warn(
            "WARNING: the \"is-automated\" filter is deprecated, and searching for \"is-automated=true\" will not \
             yield any results in future.",
        );
    }
    let auth = credentials::header_for(cli, index(parsed.arg(0)))?;
    let limit = parsed.int("limit");
    let found = cli.client()?.image_search(parsed.arg(0), limit, &filters, Some(&auth))?;
    let format = parsed.text("format");
    // In the table a mark is easier to find than a word.
    let marks = format.is_empty() || format.starts_with("table");
    let rows = found
        .into_iter()
        .map(|one| {
            let line = one.description.replace(['\n', '\r'], " ");
            let shown = if parsed.on("no-trunc") { line } else { human::ellipsis(&line, DESCRIPTION_LENGTH) };
            let official = match (marks, one.is_official) {
                (true, true) => "[OK]",
                (true, false) => "",
                (false, true) => "true",
                (false, false) => "false",
            };
            Row::new()
                .with("Name", one.name)
                .with("Description", shown)
                .with("StarCount", one.star_count.to_string())
                .with("IsOfficial", official)
        })
        .collect();
    cli.write(rows::render(&KIND, format, false, rows)?)
}

/// The host of the index in front of a term; Docker Hub's if there is none.
fn index(term: &str) -> &str {
    match term.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "",
    }
}
