//! `volume ls`: list volumes.

use crate::command::{Args, Command};
use crate::flag::{LIST_FORMAT, NONE, boolean, many, text};
use crate::opts::filter;
use api::volume::Volume;

use crate::cli::Cli;
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::format::human;
use crate::format::rows::{self, Kind, Row};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "List volumes",
    aliases: "docker volume ls, docker volume list",
    args: Args::None,
    interspersed: true,
    flags: &[
        boolean("cluster", NONE, "Display only cluster volumes, and use cluster volume list formatting")
            .hide(),
        many("filter", 'f', "filter", Some(filter::check), "Provide filter values (e.g. \"dangling=true\")"),
        text("format", NONE, LIST_FORMAT),
        boolean("quiet", 'q', "Only display volume names"),
    ],
    run,
};

/// The heads of columns.
pub(crate) const HEADERS: &[(&str, &str)] = &[
    ("Name", "VOLUME NAME"),
    ("Driver", "DRIVER"),
    ("Scope", "SCOPE"),
    ("Availability", "AVAILABILITY"),
    ("Group", "GROUP"),
    ("Mountpoint", "MOUNTPOINT"),
    ("Labels", "LABELS"),
    ("Links", "LINKS"),
    ("Size", "SIZE"),
    ("Status", "STATUS"),
];

static KIND: Kind = Kind {
    table: "{{.Driver}}\t{{.Name}}",
    quiet: "{{.Name}}",
    headers: HEADERS,
    type_name: "formatter.volumeContext",
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let quiet = parsed.on("quiet");
    let mut volumes = cli.client()?.volume_list(&filter::collect(parsed.all("filter")))?.volumes;
    volumes.sort_by_key(|volume| crate::format::natural::key(&volume.name));
    let format = rows::choose(cli, parsed.text("format"), "volumesFormat", quiet);
    let format =
        rows::spelled_out(format, quiet, "name: {{.Name}}", "name: {{.Name}}\ndriver: {{.Driver}}\n");
    if parsed.on("cluster") {
        // There are none without swarm mode.
        let kind =
            Kind { table: "{{.Name}}\t{{.Group}}\t{{.Driver}}\t{{.Availability}}\t{{.Status}}", ..KIND };
        return cli.write(rows::render(&kind, &format, quiet, Vec::new())?);
    }
    cli.write(rows::render(&KIND, &format, quiet, volumes.iter().map(row).collect())?)
}

/// The row of a volume.
pub(crate) fn row(volume: &Volume) -> Row {
    let (links, size) = volume.usage_data.as_ref().map_or(("N/A".to_owned(), "N/A".to_owned()), |usage| {
        (usage.ref_count.to_string(), human::size(usage.size as f64))
    });
    Row::new()
        .with("Name", &volume.name)
        .with("Driver", &volume.driver)
        .with("Scope", &volume.scope)
        .with("Mountpoint", &volume.mountpoint)
        .with_labels(&volume.labels.clone().unwrap_or_default())
        .with("Links", links)
        .with("Size", size)
        .with("Availability", "N/A")
        .with("Group", "N/A")
        .with("Status", "N/A")
}
