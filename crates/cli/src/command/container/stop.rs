//! `container stop`: stop one or more running containers.

use crate::cli::Cli;
use crate::command::{Args, Command};
use crate::failure::{Failure, Failures, Outcome};
use crate::flag::Parsed;
use crate::flag::{NONE, single, text};
use crate::opts::number;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Stop one or more running containers",
    aliases: "docker container stop, docker stop",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        text("signal", 's', "Signal to send to the container"),
        single(
            "timeout",
            't',
            "int",
            Some(number::check_int),
            "Seconds to wait before killing the container",
        ),
        single("time", NONE, "int", Some(number::check_int), "").hide(),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    if parsed.given("time") && parsed.given("timeout") {
        return Err(Failure::new("conflicting options: cannot specify both --timeout and --time"));
    }
    let timeout = parsed.maybe_int("timeout").or(parsed.maybe_int("time"));
    let client = cli.client()?;
    let signal = parsed.text("signal");
    let results = crate::command::container::each_at_once(&parsed.args, |container| {
        client.container_stop(container, signal, timeout)
    });
    let mut failures = Failures::default();
    for (container, result) in parsed.args.iter().zip(results) {
        if failures.note(result).is_some() {
            cli.print(container)?;
        }
    }
    failures.finish()
}
