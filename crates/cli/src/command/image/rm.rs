//! `image rm`: remove one or more images.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, strings};
use client::image::Remove;
use errdefs::Class;

use crate::cli::Cli;
use crate::failure::{Failures, Outcome};
use crate::flag::Parsed;
use crate::opts::platform;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] IMAGE [IMAGE...]",
    about: "Remove one or more images",
    aliases: "docker image rm, docker image remove, docker rmi",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        boolean("force", 'f', "Force removal of the image"),
        boolean("no-prune", NONE, "Do not delete untagged parents"),
        strings(
            "platform",
            NONE,
            "Remove only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
        ),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let options = Remove {
        force: parsed.on("force"),
        no_prune: parsed.on("no-prune"),
        platforms: parsed.all("platform").map(platform::parse).collect::<Outcome<_>>()?,
    };
    let client = cli.client()?;
    let mut failures = Failures::default();
    let mut fatal = false;
    for image in &parsed.args {
        match client.image_remove(image, &options) {
            Err(error) => {
                fatal |= error.class() != Class::NotFound;
                failures.push(error.to_string());
            }
            Ok(items) => {
                for item in items {
                    if item.deleted.is_empty() {
                        cli.print(format!("Untagged: {}", item.untagged))?;
                    } else {
                        cli.print(format!("Deleted: {}", item.deleted))?;
                    }
                }
            }
        }
    }
    match failures.finish() {
        // With force it is enough that the image is not there.
        Err(failure) if options.force && !fatal => {
            cli.warn(failure.text);
            Ok(())
        }
        other => other,
    }
}
