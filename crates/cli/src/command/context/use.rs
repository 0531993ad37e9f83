//! `context use`: set the current docker context.

use crate::command::{Args, Command};
use serde_json::Value;

use crate::cli::Cli;
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::{connect, context, environment};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "CONTEXT",
    about: "Set the current docker context",
    aliases: "",
    args: Args::Terse(1),
    interspersed: true,
    flags: &[],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let name = parsed.arg(0);
    if name.is_empty() {
        context::check_name(name)?;
    }
    if name != context::DEFAULT {
        connect::contexts(cli).load(name)?;
    }
    cli.config().change(|values| {
        if name == context::DEFAULT {
            values.remove("currentContext");
        } else {
            values.insert("currentContext".to_owned(), Value::from(name));
        }
    })?;
    cli.print(name)?;
    cli.warn(format!("Current context is now {name:?}"));
    if name != context::DEFAULT && environment::get("DOCKER_HOST").is_some() {
        cli.warn(format!(
            "Warning: DOCKER_HOST environment variable overrides the active context. To use {name:?}, either set the \
             global --context flag, or unset DOCKER_HOST environment variable."
        ));
    }
    Ok(())
}
