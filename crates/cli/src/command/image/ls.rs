//! `image ls`: list images.

use crate::command::{Args, Command};
use crate::flag::{LIST_FORMAT, NONE, boolean, many, text};
use crate::opts::filter;
use api::image::Summary;
use client::Filters;

use super::tree;
use crate::cli::Cli;
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::format::human;
use crate::format::rows::{self, Kind, Row};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] [REPOSITORY[:TAG]]",
    about: "List images",
    aliases: "docker image ls, docker image list, docker images",
    args: Args::AtMost(1),
    interspersed: true,
    flags: &[
        boolean("all", 'a', "Show all images (default hides intermediate images)"),
        boolean("digests", NONE, "Show digests"),
        many("filter", 'f', "filter", Some(filter::check), "Filter output based on conditions provided"),
        text("format", NONE, LIST_FORMAT),
        boolean("no-trunc", NONE, "Don't truncate output"),
        boolean("quiet", 'q', "Only show image IDs"),
        boolean("tree", NONE, "List multi-platform images as a tree (EXPERIMENTAL)"),
    ],
    run,
};

const NONE_SHOWN: &str = "<none>";
const TABLE: &str =
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}";
const TABLE_WITH_DIGESTS: &str = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{if .CreatedSince }}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}";

/// One field a line.
const RAW: &str = "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\n\
                   virtual_size: {{.Size}}\n";
const RAW_WITH_DIGESTS: &str = "repository: {{.Repository}}\ntag: {{.Tag}}\ndigest: {{.Digest}}\nimage_id: {{.ID}}\n\
                                created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";

/// The heads of columns.
pub(crate) const HEADERS: &[(&str, &str)] = &[
    ("ID", "IMAGE ID"),
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("Containers", "CONTAINERS"),
    ("VirtualSize", "SIZE"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
];

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if parsed.on("tree") {
        tree::check(parsed)?;
    }
    let quiet = parsed.on("quiet");
    let digests = parsed.on("digests");
    let mut filters: Filters = filter::collect(parsed.all("filter"));
    if !parsed.arg(0).is_empty() {
        filters.add("reference", parsed.arg(0));
    }
    let images = cli.client()?.image_list(parsed.on("all"), &filters)?;
    if parsed.on("tree") {
        return tree::print(cli, &images, parsed.on("all"));
    }
    let format = rows::choose(cli, parsed.text("format"), "imagesFormat", quiet);
    let raw = if digests { RAW_WITH_DIGESTS } else { RAW };
    let format = rows::spelled_out(format, quiet, "image_id: {{.ID}}", raw);
    let kind = Kind {
        table: if digests { TABLE_WITH_DIGESTS } else { TABLE },
        quiet: "{{.ID}}",
        headers: HEADERS,
        type_name: "formatter.imageContext",
    };
    let truncate = !parsed.on("no-trunc");
    let by_digest = digests || format.contains(".Digest");
    let rows = images.iter().flat_map(|image| rows_of(image, truncate, by_digest, quiet)).collect();
    cli.write(rows::render(&kind, &format, quiet, rows)?)
}

/// The rows of an image: one a name, one a digest of a name if they are shown, one for an image without either.
pub(crate) fn rows_of(image: &Summary, truncate: bool, digests: bool, quiet: bool) -> Vec<Row> {
    names(image, digests, quiet)
        .into_iter()
        .map(|(repo, tag, digest)| row(image, truncate, &repo, &tag, &digest))
        .collect()
}

fn row(image: &Summary, truncate: bool, repo: &str, tag: &str, digest: &str) -> Row {
    let id = if truncate { human::short_id(&image.id) } else { &image.id };
    let counted = |count: i64| if count == -1 { "N/A".to_owned() } else { human::size(count as f64) };
    let unique = if image.size == -1 || image.shared_size == -1 {
        "N/A".to_owned()
    } else {
        human::size((image.size - image.shared_size) as f64)
    };
    let containers = if image.containers == -1 { "N/A".to_owned() } else { image.containers.to_string() };
    let since = if image.created <= NEVER { String::new() } else { human::ago(image.created) };
    Row::new()
        .with("ID", id)
        .with("Repository", repo)
        .with("Tag", tag)
        .with("Digest", digest)
        .with("CreatedSince", since)
        .with("CreatedAt", human::local_time(image.created))
        .with("Size", human::size_with_precision(image.size as f64, 3))
        .with("VirtualSize", human::size(image.size as f64))
        .with("SharedSize", counted(image.shared_size))
        .with("UniqueSize", unique)
        .with("Containers", containers)
}

/// Seconds from the epoch to Go's zero time: an image that does not say when it was made.
const NEVER: i64 = -62_135_596_800;

/// Repository, tag and digest of each row.
fn names(image: &Summary, digests: bool, quiet: bool) -> Vec<(String, String, String)> {
    let none = || NONE_SHOWN.to_owned();
    let tags: Vec<(&str, &str)> = image
        .repo_tags
        .iter()
        .filter_map(|name| name.rsplit_once(':'))
        .filter(|(repo, _)| *repo != NONE_SHOWN)
        .collect();
    let by_digest: Vec<(&str, &str)> = image
        .repo_digests
        .iter()
        .filter_map(|name| name.split_once('@'))
        .filter(|(repo, _)| *repo != NONE_SHOWN)
        .collect();
    if tags.is_empty() && by_digest.is_empty() || (quiet && tags.is_empty()) {
        return vec![(none(), none(), none())];
    }
    let mut rows = Vec::new();
    let mut repos: Vec<&str> = tags.iter().chain(&by_digest).map(|(repo, _)| *repo).collect();
    repos.dedup();
    let mut seen = Vec::new();
    for repo in repos {
        if seen.contains(&repo) {
            continue;
        }
        seen.push(repo);
        let own: Vec<&str> =
            by_digest.iter().filter(|(name, _)| *name == repo).map(|(_, digest)| *digest).collect();
        let mut any = false;
        for (_, tag) in tags.iter().filter(|(name, _)| *name == repo) {
            any = true;
            if digests && !own.is_empty() {
                rows.extend(
                    own.iter().map(|digest| (repo.to_owned(), (*tag).to_owned(), (*digest).to_owned())),
                );
            } else {
                rows.push((repo.to_owned(), (*tag).to_owned(), none()));
            }
        }
        if !any {
            if digests {
                rows.extend(own.iter().map(|digest| (repo.to_owned(), none(), (*digest).to_owned())));
            } else {
                rows.push((repo.to_owned(), none(), none()));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_a_name() {
        let image = Summary {
            repo_tags: vec!["a:1".into(), "a:2".into(), "h:5000/b:x".into()],
            repo_digests: vec!["a@sha256:d".into(), "c@sha256:e".into()],
            ..Summary::default()
        };
        let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(
            names(&image, false, false),
            [
                row("a", "1", "<none>"),
                row("a", "2", "<none>"),
                row("h:5000/b", "x", "<none>"),
                row("c", "<none>", "<none>")
            ]
        );
        assert_eq!(names(&image, true, false)[0], row("a", "1", "sha256:d"));
        assert_eq!(names(&Summary::default(), false, false), [row("<none>", "<none>", "<none>")]);
    }
}
