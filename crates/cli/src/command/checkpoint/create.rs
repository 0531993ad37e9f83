//! `checkpoint create`: create a checkpoint from a running container.

use api::container::CheckpointRequest;

use super::needs_experiments;
use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::{NONE, Parsed, boolean, text};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER CHECKPOINT",
    about: "Create a checkpoint from a running container",
    aliases: "docker checkpoint create",
    args: Args::Exactly(2),
    interspersed: true,
    flags: &[
        text("checkpoint-dir", NONE, "Use a custom checkpoint storage directory"),
        boolean("leave-running", NONE, "Leave the container running after checkpoint"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    needs_experiments(cli, &cli.path)?;
    let request = CheckpointRequest {
        checkpoint_id: parsed.arg(1).to_owned(),
        checkpoint_dir: parsed.text("checkpoint-dir").to_owned(),
        exit: !parsed.on("leave-running"),
    };
    cli.client()?.checkpoint_create(parsed.arg(0), &request)?;
    cli.print(parsed.arg(1))
}
