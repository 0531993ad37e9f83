//! `volume create`: create a volume.

use crate::command::{Args, Command};
use crate::flag::{NONE, many, single, text};
use crate::opts::{label, size};
use api::volume::CreateRequest;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] [VOLUME]",
    about: "Create a volume",
    aliases: "",
    args: Args::AtMost(1),
    interspersed: true,
    flags: &[
        text(
            "availability",
            NONE,
            "Cluster Volume availability (\"active\", \"pause\", \"drain\") (default \"active\")",
        ).hide(),
        text("driver", 'd', "Specify volume driver name (default \"local\")").default("local"),
        text("group", NONE, "Cluster Volume group (cluster volumes)").hide(),
        many("label", NONE, "list", Some(label::check), "Set metadata for a volume"),
        single(
            "limit-bytes",
            NONE,
            "bytes",
            Some(size::check),
            "Minimum size of the Cluster Volume in bytes",
        ).hide(),
        many("opt", 'o', "map", None, "Set driver specific options (default map[])"),
        text("name", NONE, "Specify volume name").hide(),
        single(
            "required-bytes",
            NONE,
            "bytes",
            Some(size::check),
            "Maximum size of the Cluster Volume in bytes",
        ).hide(),
        text("scope", NONE, "Cluster Volume access scope (\"single\", \"multi\") (default \"single\")").hide(),
        many("secret", NONE, "map", None, "Cluster Volume secrets (default map[])").hide(),
        text(
            "sharing",
            NONE,
            "Cluster Volume access sharing (\"none\", \"readonly\", \"onewriter\", \"all\") (default \"none\")",
        ).hide(),
        many(
            "topology-preferred",
            NONE,
            "list",
            None,
            "A topology that the Cluster Volume would be preferred in",
        ).hide(),
        many(
            "topology-required",
            NONE,
            "list",
            None,
            "A topology that the Cluster Volume must be accessible from",
        ).hide(),
        text("type", NONE, "Cluster Volume access type (\"mount\", \"block\") (default \"block\")").hide(),
    ],
    run,
};

/// The flags that make a volume one of a cluster.
const OF_CLUSTER: [&str; 10] = [
    "availability",
    "group",
    "limit-bytes",
    "required-bytes",
    "scope",
    "secret",
    "sharing",
    "topology-preferred",
    "topology-required",
    "type",
];

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if let Some(flag) = OF_CLUSTER.iter().find(|flag| parsed.given(flag)) {
        return Err(Failure::new(format!(
            "--{flag} is for cluster volumes, which need swarm mode: that is not there yet"
        )));
    }
    let named = parsed.text("name");
    if !named.is_empty() && !parsed.args.is_empty() {
        return Err(Failure::new(
            "conflicting options: cannot specify a volume name through both --name and as a positional arg",
        ));
    }
    let some = |map: api::StringMap| (!map.is_empty()).then_some(map);
    let request = CreateRequest {
        name: if named.is_empty() { parsed.arg(0).to_owned() } else { named.to_owned() },
        driver: parsed.text("driver").to_owned(),
        driver_opts: some(parsed.map("opt")),
        labels: some(parsed.map("label")),
        ..CreateRequest::default()
    };
    let volume = cli.client()?.volume_create(&request)?;
    cli.print(volume.name)
}
