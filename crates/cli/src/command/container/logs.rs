//! `container logs`: fetch the logs of a container.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, text};
use client::container::Logs;
use client::demux;
use jiff::Timestamp;

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::opts::timestamp;
use crate::session;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER",
    about: "Fetch the logs of a container",
    aliases: "docker container logs, docker logs",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[
        boolean("details", NONE, "Show extra details provided to logs"),
        boolean("follow", 'f', "Follow log output"),
        text(
            "since",
            NONE,
            "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
        ),
        text("tail", 'n', "Number of lines to show from the end of the logs (default \"all\")")
            .default("all"),
        boolean("timestamps", 't', "Show timestamps"),
        text(
            "until",
            NONE,
            "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
        ),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let client = cli.client()?;
    let container = client.container_inspect(parsed.arg(0))?;
    let now = Timestamp::now();
    let moment = |flag: &str| {
        timestamp::parse(parsed.text(flag), now)
            .map_err(|error| Failure::new(format!("invalid value for {flag:?}: {error}")))
    };
    let options = Logs {
        since: moment("since")?,
        until: moment("until")?,
        timestamps: parsed.on("timestamps"),
        details: parsed.on("details"),
        follow: parsed.on("follow"),
        tail: parsed.text("tail").to_owned(),
    };
    let mut body = client.container_logs(&container.id, &options)?;
    let mut output = session::output()?;
    if container.config.tty {
        demux::copy_raw(&mut body, &mut output)?;
    } else {
        demux::copy(&mut body, &mut output, &mut session::error()?)?;
    }
    Ok(())
}
