//! `checkpoint`: processes written to disk. Experimental in Docker, and refused for engines without experiments.

mod create;
mod ls;
mod rm;

use super::{Group, leaf};
use crate::cli::Cli;
use crate::failure::{Failure, Outcome};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Manage checkpoints",
    entries: &[
        leaf("create", &create::COMMAND),
        leaf("ls", &ls::COMMAND).aliased(&["list"]),
        leaf("rm", &rm::COMMAND).aliased(&["remove"]),
    ],
};

/// Refuses what only an engine with experiments does; `what` is the command or the flag in quotes.
///
/// # Errors
/// In the words of Docker's client.
pub(crate) fn needs_experiments(cli: &Cli, what: &str) -> Outcome {
    // One that cannot be reached says so with the request itself.
    if cli.client()?.ping().is_ok_and(|ping| !ping.experimental) {
        return Err(Failure::new(format!(
            "{what} is only supported on a Docker daemon with experimental features enabled"
        )));
    }
    Ok(())
}
