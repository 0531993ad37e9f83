//! `images --tree`: each image once, all of its names above each other.

use api::image::Summary;
use unicode_width::UnicodeWidthStr as _;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::human;
use crate::terminal;

/// Spaces between columns.
const SPACING: usize = 3;
/// Titles of the columns after the name, and their widths; sizes stand on the right.
const COLUMNS: [(&str, usize); 4] = [("ID", 12), ("DISK USAGE", 10), ("CONTENT SIZE", 12), ("EXTRA", 5)];
/// What is shown for an image that has no name.
const UNTAGGED: &str = "<untagged>";
/// The narrowest column of names on a terminal.
const NAME_WIDTH_MIN: usize = 10;

/// Refuses flags that a tree has no use for.
pub(super) fn check(parsed: &Parsed) -> Outcome {
    match ["quiet", "no-trunc", "digests", "format"].iter().find(|flag| parsed.given(flag)) {
        Some(flag) => Err(Failure::new(format!("--{flag} is not yet supported with --tree"))),
        None => Ok(()),
    }
}

/// Prints the tree.
pub(super) fn print(cli: &Cli, images: &[Summary], all: bool) -> Outcome {
    let columns = terminal::columns();
    let shown: Vec<(Vec<&str>, &Summary)> = images
        .iter()
        .map(|image| (names(image), image))
        .filter(|(names, _)| all || names != &[UNTAGGED])
        .collect();
    let widest = shown.iter().flat_map(|(names, _)| names).map(|name| name.width()).max().unwrap_or_default();
    let rest: usize = COLUMNS.iter().map(|(_, width)| width + SPACING).sum();
    let mut width = widest.max("IMAGE".len());
    if terminal::is_output() {
        width = width.min(columns.saturating_sub(rest).max(NAME_WIDTH_MIN));
    }
    let mut out = String::from(
        "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.\n",
    );
    out.push_str(&format!("{:>columns$}\n\n", "Info ->  U In Use "));
    out.push_str(&format!("{:<width$}", "IMAGE"));
    for (title, width) in COLUMNS {
        let title = format!("{:SPACING$}{title:<width$}", "");
        out.push_str(if title.ends_with(' ') { &title } else { title.trim_end() });
    }
    out.push('\n');
    for (names, image) in shown {
        for (at, name) in names.iter().enumerate() {
            if at + 1 < names.len() {
                out.push_str(&human::ellipsis(name, width));
                out.push('\n');
                continue;
            }
            let in_use = if image.containers > 0 { "U" } else { "" };
            out.push_str(&format!(
                "{:<width$}{:SPACING$}{:<12}{:SPACING$}{:>10}{:SPACING$}{:>12}{:SPACING$}{in_use:<5}\n",
                human::ellipsis(name, width),
                "",
                human::short_id(&image.id),
                "",
                human::size_with_precision(image.size as f64, 3),
                "",
                // Content is counted with the layers that were made of it.
                "0B",
                "",
            ));
        }
    }
    cli.write(out)
}

fn names(image: &Summary) -> Vec<&str> {
    let names: Vec<&str> =
        image.repo_tags.iter().map(String::as_str).filter(|name| !name.starts_with("<none>")).collect();
    if names.is_empty() { vec![UNTAGGED] } else { names }
}
