//! `context create`: create a context.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::connect;
use crate::context::{self, Material, Meta, endpoint};
use crate::failure::{Failure, Outcome};
use crate::flag::{Flag, NONE, Parsed, pairs, text};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTEXT",
    about: "Create a context\n\nDocker endpoint config:\n\nNAME                DESCRIPTION\nfrom                Copy named context's Docker endpoint configuration\nhost                Docker endpoint on which to connect\nca                  Trust certs signed only by this CA\ncert                Path to TLS certificate file\nkey                 Path to TLS key file\nskip-tls-verify     Skip TLS certificate validation\n\nExample:\n\n$ docker context create my-context --description \"some description\" --docker \"host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file\"",
    aliases: "",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[DESCRIPTION, DOCKER, text("from", NONE, "create context from a named context")],
    run,
};

pub(super) const DESCRIPTION: Flag = text("description", NONE, "Description of the context");
pub(super) const DOCKER: Flag =
    pairs("docker", NONE, endpoint::check, "set the docker endpoint (default [])");

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let name = parsed.arg(0);
    let contexts = connect::contexts(cli);
    contexts.check_new_name(name)?;
    let description = parsed.text("description");
    let (meta, material) = if parsed.given("docker") && parsed.text("from").is_empty() {
        let engine = endpoint::of(parsed, &connect::default_context(cli)?, &contexts)?;
        (Meta::new(name, description, engine.fields), engine.material)
    } else {
        if parsed.given("docker") {
            return Err(Failure::new("cannot use --docker flag when --from is set"));
        }
        let (mut meta, material) = copied(cli, parsed.text("from"))?;
        name.clone_into(&mut meta.name);
        meta.describe(description);
        (meta, material)
    };
    contexts.save(&meta)?;
    contexts.set_material(name, &material)?;
    cli.print(name)?;
    cli.warn(format!("Successfully created context {name:?}"));
    Ok(())
}

/// The context `from`, or the current one.
fn copied(cli: &Cli, from: &str) -> Outcome<(Meta, Material)> {
    let current = connect::context_name(cli);
    let from = if from.is_empty() { &current } else { from };
    let mut meta = connect::context(cli, from)?;
    if from == context::DEFAULT {
        meta.describe(super::ls::DEFAULT_DESCRIPTION);
        return Ok((meta, connect::default_material(cli)?));
    }
    Ok((meta, connect::contexts(cli).material(from)?))
}
