//! `context update`: update a context.

use super::create::{DESCRIPTION, DOCKER};
use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::connect;
use crate::context::{ENGINE, check_name, endpoint};
use crate::failure::Outcome;
use crate::flag::Parsed;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTEXT",
    about: "Update a context\n\nDocker endpoint config:\n\nNAME                DESCRIPTION\nfrom                Copy named context's Docker endpoint configuration\nhost                Docker endpoint on which to connect\nca                  Trust certs signed only by this CA\ncert                Path to TLS certificate file\nkey                 Path to TLS key file\nskip-tls-verify     Skip TLS certificate validation\n\nExample:\n\n$ docker context update my-context --description \"some description\" --docker \"host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file\"",
    aliases: "",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[DESCRIPTION, DOCKER],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let name = parsed.arg(0);
    check_name(name)?;
    let contexts = connect::contexts(cli);
    let mut meta = contexts.load(name)?;
    meta.describe(parsed.text("description"));
    if parsed.given("docker") {
        let engine = endpoint::of(parsed, &connect::default_context(cli)?, &contexts)?;
        let mut material = contexts.material(name)?;
        material.remove(ENGINE);
        material.extend(engine.material);
        meta.endpoints.get_or_insert_default().insert(ENGINE.to_owned(), engine.fields);
        contexts.save(&meta)?;
        contexts.set_material(name, &material)?;
    } else {
        contexts.save(&meta)?;
    }
    cli.print(name)?;
    cli.warn(format!("Successfully updated context {name:?}"));
    Ok(())
}
