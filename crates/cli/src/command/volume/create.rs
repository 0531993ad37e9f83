//! `volume create`: create a volume.

use crate::command::{Args, Command};
use crate::flag::{NONE, many, text};
use crate::opts::label;
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
        text("driver", 'd', "Specify volume driver name (default \"local\")").default("local"),
        many("label", NONE, "list", Some(label::check), "Set metadata for a volume"),
        many("opt", 'o', "map", None, "Set driver specific options (default map[])"),
        text("name", NONE, "Specify volume name").hide(),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
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
    };
    let volume = cli.client()?.volume_create(&request)?;
    cli.print(volume.name)
}
