//! `context rm`: remove one or more contexts.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::{Failure, Failures, Outcome};
use crate::flag::{Parsed, boolean};
use crate::{connect, context};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTEXT [CONTEXT...]",
    about: "Remove one or more contexts",
    aliases: "docker context rm, docker context remove",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[boolean("force", 'f', "Force the removal of a context in use")],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let current = connect::context_name(cli);
    let mut failures = Failures::default();
    for name in &parsed.args {
        match remove(cli, name, *name == current, parsed.on("force")) {
            Ok(()) => cli.print(name)?,
            Err(failure) => failures.push(failure.text),
        }
    }
    failures.finish()
}

fn remove(cli: &Cli, name: &str, is_current: bool, force: bool) -> Outcome {
    if name == context::DEFAULT {
        return Err(Failure::new(format!("context {name:?} cannot be removed")));
    }
    let contexts = connect::contexts(cli);
    if is_current {
        if !force {
            return Err(Failure::new(format!("context {name:?} is in use, set -f flag to force remove")));
        }
        cli.config().change(|values| {
            values.remove("currentContext");
        })?;
    }
    if !force && !contexts.has(name) {
        return Err(Failure::new(format!("context {name:?} does not exist")));
    }
    contexts.remove(name)
}
