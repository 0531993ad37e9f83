//! `network ls`: list networks.

use crate::command::{Args, Command};
use crate::flag::{LIST_FORMAT, NONE, boolean, many, text};
use crate::opts::filter;
use api::network::Network;

use crate::cli::Cli;
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::format::human;
use crate::format::rows::{self, Kind, Row};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS]",
    about: "List networks",
    aliases: "docker network ls, docker network list",
    args: Args::None,
    interspersed: true,
    flags: &[
        many("filter", 'f', "filter", Some(filter::check), "Provide filter values (e.g. \"driver=bridge\")"),
        text("format", NONE, LIST_FORMAT),
        boolean("no-trunc", NONE, "Do not truncate the output"),
        boolean("quiet", 'q', "Only display network IDs"),
    ],
    run,
};

static KIND: Kind = Kind {
    table: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    quiet: "{{.ID}}",
    headers: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv4", "IPV4"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"),
    ],
    type_name: "network.networkContext",
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let quiet = parsed.on("quiet");
    let mut networks = cli.client()?.network_list(&filter::collect(parsed.all("filter")))?;
    networks.sort_by_key(|network| crate::format::natural::key(&network.name));
    let format = rows::choose(cli, parsed.text("format"), "networksFormat", quiet);
    const RAW: &str = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n";
    let format = rows::spelled_out(format, quiet, "network_id: {{.ID}}", RAW);
    let truncate = !parsed.on("no-trunc");
    let rows = networks.iter().map(|network| row(network, truncate)).collect();
    cli.write(rows::render(&KIND, &format, quiet, rows)?)
}

fn row(network: &Network, truncate: bool) -> Row {
    Row::new()
        .with("ID", if truncate { human::short_id(&network.id) } else { &network.id })
        .with("Name", &network.name)
        .with("Driver", &network.driver)
        .with("Scope", &network.scope)
        .with("IPv4", network.enable_ipv4.to_string())
        .with("IPv6", network.enable_ipv6.to_string())
        .with("Internal", network.internal.to_string())
        .with_labels(&network.labels)
        .with("CreatedAt", human::zoned(network.created.0))
}
