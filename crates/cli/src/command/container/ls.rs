//! `container ls`: list containers.

use crate::command::{Args, Command};
use crate::flag::{LIST_FORMAT, NONE, boolean, many, single, text};
use crate::opts::{filter, number};
use client::container::List;
use std::sync::Arc;

use oci::reference::Reference;
use template::Value;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::format::human;
use crate::format::rows::{self, Kind, Row, Wanted};
use listed::Listed;
use ports::displayed;

pub(crate) mod listed;
mod ports;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "List containers",
    aliases: "docker container ls, docker container list, docker container ps, docker ps",
    args: Args::None,
    interspersed: true,
    flags: &[
        boolean("all", 'a', "Show all containers (default shows just running)"),
        many("filter", 'f', "filter", Some(filter::check), "Filter output based on conditions provided"),
        text("format", NONE, LIST_FORMAT),
        single(
            "last",
            'n',
            "int",
            Some(number::check_int),
            "Show n last created containers (includes all states) (default -1)",
        )
        .default("-1"),
        boolean("latest", 'l', "Show the latest created container (includes all states)"),
        boolean("no-trunc", NONE, "Don't truncate output"),
        boolean("quiet", 'q', "Only display container IDs"),
        boolean("size", 's', "Display total file sizes"),
    ],
    run,
};

const TABLE: &str = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
/// One field a line.
const RAW: &str = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n\
                   state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\n\
                   labels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n";
const TABLE_WITH_SIZE: &str =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}";

/// The heads of columns.
pub(crate) const HEADERS: &[(&str, &str)] = &[
    ("ID", "CONTAINER ID"),
    ("Names", "NAMES"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Ports", "PORTS"),
    ("State", "STATE"),
    ("Status", "STATUS"),
    ("Size", "SIZE"),
    ("Labels", "LABELS"),
    ("Label", ""),
    ("Mounts", "MOUNTS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Networks", "NETWORKS"),
    ("Platform", "PLATFORM"),
];

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let quiet = parsed.on("quiet");
    let format = rows::choose(cli, parsed.text("format"), "psFormat", quiet);
    let size = parsed.on("size");
    let last = parsed.int("last");
    let limit = if parsed.on("latest") && last == -1 { 1 } else { last };
    let kind = Kind {
        table: if size { TABLE_WITH_SIZE } else { TABLE },
        quiet: "{{.ID}}",
        headers: HEADERS,
        type_name: "formatter.ContainerContext",
    };
    rows::check(&kind, &format)?;
    if quiet && !format.is_empty() {
        cli.warn("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    }
    let options = List {
        all: parsed.on("all"),
        limit: (limit > 0).then_some(limit),
        // `{{json .}}` prints the size too; `json` alone does not ask for it.
        size: size || format.contains(".Size") || format.contains("json ."),
        filters: filter::collect(parsed.all("filter")),
    };
    let containers: Vec<Listed> = serde_json::from_slice(&cli.client()?.container_list_raw(&options)?)
        .map_err(|error| Failure::new(format!("decode answer: {error}")))?;
    let sized = format!("{RAW}size: {{{{.Size}}}}\n");
    let format = rows::quieted(format, quiet);
    let format = rows::spelled_out(format, quiet, "container_id: {{.ID}}", if size { &sized } else { RAW });
    let truncate = !parsed.on("no-trunc");
    let wanted = Wanted::of(&kind, &format, quiet);
    let rows = containers.iter().map(|container| row(container, truncate, &wanted)).collect();
    cli.write(rows::render(&kind, &format, quiet, rows)?)
}

/// The row of a container, with the fields that are wanted.
pub(crate) fn row(container: &Listed, truncate: bool, wanted: &Wanted) -> Row {
    let local = || container.mounts().iter().filter(|mount| mount.driver == "local").count();
    let row = Row::new()
        .with_wanted(wanted, "ID", || {
            if truncate { human::short_id(&container.id) } else { &container.id }.to_owned()
        })
        .with_wanted(wanted, "Names", || names(container, truncate))
        .with_wanted(wanted, "Image", || image(container, truncate))
        .with_wanted(wanted, "Command", || {
            if truncate {
                quoted(&human::ellipsis(&container.command, COMMAND_LENGTH))
            } else {
                quoted(&container.command)
            }
        })
        .with_wanted(wanted, "CreatedAt", || human::local_time(container.created))
        .with_wanted(wanted, "RunningFor", || human::ago(container.created))
        .with_wanted(wanted, "Ports", || displayed(container.ports.as_deref().unwrap_or_default()))
        .with_wanted(wanted, "State", || container.state.clone())
        .with_wanted(wanted, "Status", || container.status.clone())
        .with_wanted(wanted, "Size", || size(container))
        .with_wanted(wanted, "Mounts", || mounts(container, truncate))
        .with_wanted(wanted, "LocalVolumes", || local().to_string())
        .with_wanted(wanted, "Networks", || container.networks().join(","));
    // `.Label` begins as `.Labels` does.
    let row = if wanted.has("Labels") || wanted.has("Label") {
        row.with_labels(&container.labels.clone().unwrap_or_default())
    } else {
        row
    };
    if wanted.has("Platform") {
        row.with_value("Platform", Value::Pointer(None, Arc::from("v1.Platform")))
    } else {
        row
    }
}

fn mounts(container: &Listed, truncate: bool) -> String {
    let names: Vec<String> = container
        .mounts()
        .iter()
        .map(|mount| if mount.name.is_empty() { &mount.source } else { &mount.name })
        .map(|name| if truncate { human::ellipsis(name, MOUNT_LENGTH) } else { name.clone() })
        .collect();
    names.join(",")
}

/// Letters of the command that are shown.
const COMMAND_LENGTH: usize = 20;
/// Letters of a mount's name that are shown.
const MOUNT_LENGTH: usize = 15;

fn names(container: &Listed, truncate: bool) -> String {
    let names = container.names.iter().flatten().map(|name| name.trim_start_matches('/'));
    // The names that links gave it are paths.
    let shown: Vec<&str> = names.filter(|name| !truncate || !name.contains('/')).collect();
    shown.join(",")
}

fn image(container: &Listed, truncate: bool) -> String {
    if container.image.is_empty() {
        return "<no image>".to_owned();
    }
    if !truncate {
        return container.image.clone();
    }
    let short = human::short_id(&container.image_id);
    if !short.is_empty() && short == human::short_id(&container.image) {
        return short.to_owned();
    }
    Reference::parse(&container.image).map_or_else(
        |_| container.image.clone(),
        |reference| match reference.tag() {
            Some(tag) => format!("{}:{tag}", reference.familiar_name()),
            None => reference.familiar_name(),
        },
    )
}

fn size(container: &Listed) -> String {
    let written = human::size_with_precision(container.size_rw as f64, 3);
    if container.size_root_fs > 0 {
        format!("{written} (virtual {})", human::size_with_precision(container.size_root_fs as f64, 3))
    } else {
        written
    }
}

/// The text in double quotes, as Go quotes it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            letter if letter.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
