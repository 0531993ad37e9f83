//! `image push`: upload an image to a registry.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, text};

use crate::cli::Cli;
use crate::failure::Outcome;
use crate::flag::Parsed;
use crate::opts::platform;
use crate::{credentials, progress, terminal, trust};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] NAME[:TAG]",
    about: "Upload an image to a registry",
    aliases: "docker image push, docker push",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[
        boolean("all-tags", 'a', "Push all tags of an image to the repository"),
        boolean("disable-content-trust", NONE, "Skip image signing (default true)").default("true"),
        text(
            "platform",
            NONE,
            "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
        ),
        boolean("quiet", 'q', "Suppress verbose output"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if !parsed.arg(0).contains('@') {
        trust::refuse(parsed)?;
    }
    let (reference, quiet) = (super::pull::named(cli, parsed)?, parsed.on("quiet"));
    let only = match parsed.text("platform") {
        "" => None,
        text => Some(platform::parse(text)?),
    };
    let auth = credentials::header(cli, &reference)?;
    let tag = reference.tag().unwrap_or_default();
    let body = cli.client()?.image_push(&reference.name(), tag, only.as_ref(), Some(&auth))?;
    let drawn = if quiet { progress::Drawn::Nothing } else { progress::Drawn::on(terminal::is_output()) };
    progress::draw(body, drawn, &mut std::io::stdout(), |_| Ok(()))?;
    if quiet { cli.print(reference.canonical_string()) } else { Ok(()) }
}
