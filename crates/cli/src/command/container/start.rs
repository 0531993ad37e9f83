//! `container start`: start one or more stopped containers.

use crate::command::{Args, Command, checkpoint};
use crate::flag::{NONE, boolean, text};
use client::container::{Attach, WaitCondition};

use crate::cli::Cli;
use crate::failure::{EXIT_FAILURE, Failure, Failures, Outcome};
use crate::flag::Parsed;
use crate::session::{self, Control, Ended, Signals, Streams, Target};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    about: "Start one or more stopped containers",
    aliases: "docker container start, docker start",
    args: Args::AtLeast(1),
    interspersed: true,
    flags: &[
        text("checkpoint", NONE, "Restore from this checkpoint").hide(),
        text("checkpoint-dir", NONE, "Use a custom checkpoint storage directory").hide(),
        boolean("attach", 'a', "Attach STDOUT/STDERR and forward signals"),
        text("detach-keys", NONE, "Override the key sequence for detaching a container"),
        boolean("interactive", 'i', "Attach container's STDIN"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    for flag in ["checkpoint", "checkpoint-dir"] {
        if parsed.given(flag) {
            checkpoint::needs_experiments(cli, &format!("\"--{flag}\""))?;
        }
    }
    if parsed.on("attach") || parsed.on("interactive") {
        if parsed.args.len() > 1 {
            return Err(Failure::new("you cannot start and attach multiple containers at once"));
        }
        return start_attached(cli, parsed);
    }
    let client = cli.client()?;
    let checkpoint = parsed.text("checkpoint");
    if !checkpoint.is_empty() && parsed.args.len() > 1 {
        return Err(Failure::new("you cannot restore multiple containers at once"));
    }
    let mut failed = Vec::new();
    let mut failures = Failures::default();
    for container in &parsed.args {
        let started = client.container_start(container, checkpoint, parsed.text("checkpoint-dir"));
        match failures.note(started) {
            Some(()) => cli.print(container)?,
            None => failed.push(container.as_str()),
        }
    }
    // A restored container's failure is told alone.
    if !failed.is_empty() && checkpoint.is_empty() {
        failures.push(format!("Error: failed to start containers: {}", failed.join(", ")));
    }
    failures.finish()
}

fn start_attached(cli: &Cli, parsed: &Parsed) -> Outcome {
    let control = Control::take()?;
    let client = cli.client()?;
    let container = client.container_inspect(parsed.arg(0))?;
    let tty = container.config.tty;
    let stdin = parsed.on("interactive") && container.config.open_stdin;
    let detach_keys = session::detach_keys(cli, parsed.text("detach-keys"));
    let options = Attach { stdin, stdout: true, stderr: true, logs: false, detach_keys: detach_keys.clone() };
    let attached = client.container_attach(&container.id, &options)?;
    let condition =
        if container.host_config.auto_remove { WaitCondition::Removed } else { WaitCondition::NextExit };
    let waiting = client.container_wait(&container.id, condition)?;
    client.container_start(&container.id, parsed.text("checkpoint"), parsed.text("checkpoint-dir"))?;
    let target = Target::Container(container.id.clone());
    let proxy = (!tty).then(|| container.id.clone());
    control.hand_over(client, Signals { resize: tty.then(|| target.clone()), proxy });
    if tty {
        session::resize(client, &target);
    }
    if session::run(attached, &Streams { stdin, tty, detach_keys })? == Ended::Detached {
        return Ok(());
    }
    match waiting.finish()?.status_code {
        0 => Ok(()),
        code => Err(Failure::silent(i32::try_from(code).unwrap_or(EXIT_FAILURE))),
    }
}
