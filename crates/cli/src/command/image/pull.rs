//! `image pull`: download an image from a registry.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, text};
use oci::reference::Reference;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::{credentials, environment, progress, terminal, trust};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
    about: "Download an image from a registry",
    aliases: "docker image pull, docker pull",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[
        boolean("all-tags", 'a', "Download all tagged images in the repository"),
        boolean("disable-content-trust", NONE, "Skip image verification (default true)").default("true"),
        text("platform", NONE, "Set platform if server is multi-platform capable"),
        boolean("quiet", 'q', "Suppress verbose output"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if !parsed.arg(0).contains('@') {
        trust::refuse(parsed)?;
    }
    let (reference, quiet) = (named(cli, parsed)?, parsed.on("quiet"));
    let platform = match parsed.text("platform") {
        "" => environment::get("DOCKER_DEFAULT_PLATFORM").unwrap_or_default(),
        platform => platform.to_owned(),
    };
    let mut output = std::io::stdout();
    let drawn = if quiet { progress::Drawn::Nothing } else { progress::Drawn::on(terminal::is_output()) };
    pull(cli, &reference, &platform, drawn, &mut output)?;
    cli.print(reference.canonical_string())
}

/// The image that a pull or a push names: one tag, `latest` if none is given, or all of a repository with `--all-tags`.
pub(super) fn named(cli: &Cli, parsed: &Parsed) -> Outcome<Reference> {
    let all = parsed.on("all-tags");
    let reference = Reference::parse(parsed.arg(0)).map_err(|error| Failure::new(error.to_string()))?;
    if all && !reference.is_name_only() {
        return Err(Failure::new("tag can't be used with --all-tags/-a"));
    }
    if all || !reference.is_name_only() {
        return Ok(reference);
    }
    let reference = reference.tag_or_latest();
    if !parsed.on("quiet") {
        cli.print(format!("Using default tag: {}", reference.tag().unwrap_or_default()))?;
    }
    Ok(reference)
}

/// Pulls the image that `run` or `create` wants, with the progress on standard error.
pub(crate) fn before_run(cli: &Cli, reference: &Reference, platform: &str, quiet: bool) -> Outcome {
    let drawn = if quiet { progress::Drawn::Nothing } else { progress::Drawn::on(terminal::is_error()) };
    pull(cli, reference, platform, drawn, &mut std::io::stderr())
}

fn pull(
    cli: &Cli,
    reference: &Reference,
    platform: &str,
    drawn: progress::Drawn,
    output: &mut dyn std::io::Write,
) -> Outcome {
    let auth = credentials::header(cli, reference)?;
    let tag = match reference.digest() {
        Some(digest) => digest.to_string(),
        None => reference.tag().unwrap_or_default().to_owned(),
    };
    let body = cli.client()?.image_pull(&reference.name(), &tag, platform, Some(&auth))?;
    progress::draw(body, drawn, output, |_| Ok(()))
}
