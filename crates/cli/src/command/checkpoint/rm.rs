//! `checkpoint rm`: remove a checkpoint.

use super::needs_experiments;
use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::Outcome;
use crate::flag::{NONE, Parsed, text};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER CHECKPOINT",
    about: "Remove a checkpoint",
    aliases: "docker checkpoint rm, docker checkpoint remove",
    args: Args::Exactly(2),
    interspersed: true,
    flags: &[text("checkpoint-dir", NONE, "Use a custom checkpoint storage directory")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    needs_experiments(cli, &cli.path)?;
    Ok(cli.client()?.checkpoint_remove(parsed.arg(0), parsed.arg(1), parsed.text("checkpoint-dir"))?)
}
