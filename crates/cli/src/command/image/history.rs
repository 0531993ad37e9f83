//! `image history`: show the history of an image.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::{LIST_FORMAT, Parsed};
use crate::flag::{NONE, boolean, text};
use crate::format::human;
use crate::format::rows::{self, Kind, Row};
use crate::opts::platform;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] IMAGE",
    about: "Show the history of an image",
    aliases: "docker image history, docker history",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[
        text("format", NONE, LIST_FORMAT),
        boolean("human", 'H', "Print sizes and dates in human readable format (default true)")
            .default("true"),
        boolean("no-trunc", NONE, "Don't truncate output"),
        text(
            "platform",
            NONE,
            "Show history for the given platform. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
        ),
        boolean("quiet", 'q', "Only show image IDs"),
    ],
    run,
};

/// Letters of a step that are shown.
const CREATED_BY_LENGTH: usize = 45;

const TABLE: &str = "{{.ID}}\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";

/// The heads of columns, when times are in words.
const HEADERS: &[(&str, &str)] = &[
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];
/// The heads of columns, when times are dates.
const HEADERS_OF_DATES: &[(&str, &str)] = &[
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED AT"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let only = match parsed.text("platform") {
        "" => None,
        text => Some(platform::parse(text)?),
    };
    let steps = cli.client()?.image_history(parsed.arg(0), only.as_ref())?;
    let truncate = !parsed.on("no-trunc");
    let human_words = parsed.on("human");
    let rows = steps
        .iter()
        .map(|step| {
            let by = step.created_by.replace('\t', " ");
            let date = human::rfc3339(step.created);
            let size = if human_words {
                human::size_with_precision(step.size as f64, 3)
            } else {
                step.size.to_string()
            };
            Row::new()
                .with("ID", if truncate { human::short_id(&step.id) } else { &step.id })
                .with("CreatedSince", if human_words { human::ago(step.created) } else { date.clone() })
                .with("CreatedAt", date)
                .with("CreatedBy", if truncate { human::ellipsis(&by, CREATED_BY_LENGTH) } else { by })
                .with("Size", size)
                .with("Comment", &step.comment)
        })
        .collect();
    let kind = Kind {
        table: TABLE,
        quiet: "{{.ID}}",
        headers: if human_words { HEADERS } else { HEADERS_OF_DATES },
        type_name: "image.historyContext",
    };
    cli.write(rows::render(&kind, parsed.text("format"), parsed.on("quiet"), rows)?)
}
