//! Commands and flags that an older engine does not know: it would leave out of a request what it has never heard of, so the
//! client refuses them, in Docker's words.

use client::ApiVersion;

use crate::cli::Cli;
use crate::command::{Command, container, image, network, system, volume};
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;

/// A flag, and the first version of the API that has it.
type Needed = (&'static str, &'static str);

const CREATE: &[Needed] = &[
    ("annotation", "1.43"),
    ("cgroupns", "1.41"),
    ("cpu-rt-period", "1.25"),
    ("cpu-rt-runtime", "1.25"),
    ("cpus", "1.25"),
    ("gpus", "1.40"),
    ("health-start-interval", "1.44"),
    ("health-start-period", "1.29"),
    ("init", "1.25"),
    ("platform", "1.32"),
    ("stop-timeout", "1.25"),
];

/// Flags by command.
static FLAGS: &[(&Command, &[Needed])] = &[
    (&container::create::COMMAND, CREATE),
    (&container::run::COMMAND, CREATE),
    (&container::exec::COMMAND, &[("env", "1.25"), ("env-file", "1.25"), ("workdir", "1.35")]),
    (&container::logs::COMMAND, &[("until", "1.35")]),
    (
        &container::update::COMMAND,
        &[("cpu-rt-period", "1.25"), ("cpu-rt-runtime", "1.25"), ("cpus", "1.29"), ("pids-limit", "1.40")],
    ),
    (&image::history::COMMAND, &[("platform", "1.48")]),
    (&image::import::COMMAND, &[("platform", "1.32")]),
    (&image::inspect::COMMAND, &[("platform", "1.49")]),
    (&image::load::COMMAND, &[("platform", "1.48")]),
    (&image::ls::COMMAND, &[("tree", "1.47")]),
    (&image::pull::COMMAND, &[("platform", "1.32")]),
    (&image::push::COMMAND, &[("platform", "1.46")]),
    (&image::rm::COMMAND, &[("platform", "1.50")]),
    (&image::save::COMMAND, &[("platform", "1.48")]),
    (
        &network::create::COMMAND,
        &[
            ("attachable", "1.25"),
            ("config-from", "1.30"),
            ("config-only", "1.30"),
            ("ingress", "1.29"),
            ("scope", "1.30"),
        ],
    ),
    (&volume::rm::COMMAND, &[("force", "1.25")]),
];

/// Whole commands.
static COMMANDS: &[(&Command, &str)] = &[
    (&container::prune::COMMAND, "1.25"),
    (&image::prune::COMMAND, "1.25"),
    (&network::prune::COMMAND, "1.25"),
    (&volume::prune::COMMAND, "1.25"),
    (&volume::update::COMMAND, "1.42"),
    (&system::df::COMMAND, "1.25"),
    (&system::prune::COMMAND, "1.25"),
];

/// Refuses what the engine is too old for. It is asked only if something of it matters.
pub(crate) fn check(cli: &Cli, command: &'static Command, parsed: &Parsed) -> Outcome {
    let whole = COMMANDS.iter().find(|(known, _)| std::ptr::eq(*known, command)).map(|(_, since)| *since);
    let flags =
        FLAGS.iter().find(|(known, _)| std::ptr::eq(*known, command)).map_or(&[][..], |(_, flags)| flags);
    let given: Vec<&Needed> = flags.iter().filter(|(flag, _)| parsed.given(flag)).collect();
    if whole.is_none() && given.is_empty() {
        return Ok(());
    }
    // An engine that cannot be asked is told of by the command itself.
    let Ok(Ok(engine)) = cli.client().map(|client| client.api_version()) else { return Ok(()) };
    let lacks = |since: &str| since.parse::<ApiVersion>().is_ok_and(|since| engine < since);
    let text = |what: &str, since: &str| {
        format!("{what} requires API version {since}, but the Docker daemon API version is {engine}")
    };
    if let Some(since) = whole.filter(|since| lacks(since)) {
        return Err(Failure::new(text(&cli.path, since)));
    }
    let missing = given.iter().filter(|(_, since)| lacks(since));
    let lines: Vec<String> = missing.map(|(flag, since)| text(&format!("\"--{flag}\""), since)).collect();
    if lines.is_empty() { Ok(()) } else { Err(Failure::new(lines.join("\n"))) }
}
