//! `container run`: create and run a new container from an image.

use crate::command::{Args, Command};
use client::container::{Attach, WaitCondition, Waiting};
use errdefs::Class;

use super::create::flags::RUN_FLAGS as FLAGS;
use super::create::{self, Spec};
use crate::cli::Cli;
use crate::failure::{EXIT_ENGINE, EXIT_FAILURE, Failure, Outcome};
use crate::flag::Parsed;
use crate::session::{self, Control, Ended, Signals, Streams, Target};
use crate::terminal;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Create and run a new container from an image",
    aliases: "docker container run, docker run",
    args: Args::AtLeast(1),
    interspersed: false,
    flags: FLAGS,
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let detach = parsed.on("detach");
    let mut spec = create::spec(cli, parsed)?;
    let config = &mut spec.request.config;
    if detach {
        if parsed.given("attach") {
            return Err(Failure::new("conflicting options: cannot specify both --attach and --detach"));
        }
        config.attach_stdin = false;
        config.attach_stdout = false;
        config.attach_stderr = false;
        config.stdin_once = false;
    } else {
        session::check_tty(config.attach_stdin, config.tty)?;
    }
    let control = if detach { None } else { Some(Control::take()?) };
    if config.tty
        && let Some((rows, columns)) = terminal::size()
        && let Some(host) = &mut spec.request.host_config
    {
        host.console_size = [rows.into(), columns.into()];
    }
    let id = create::create(cli, parsed, &mut spec).map_err(|failure| explained(cli, failure))?;
    let config = &spec.request.config;
    if !config.attach_stdin && !config.attach_stdout && !config.attach_stderr {
        // Nothing is attached: with `-d`, or with an `-a` that names nothing. The ID is told even if the start fails,
        // for the container is there.
        let started = cli.client()?.container_start(&id, "", "");
        cli.print(id)?;
        return started.map_err(|error| explained(cli, error.into()));
    }
    match control {
        Some(control) => attached(cli, parsed, &spec, &id, &control),
        None => Ok(()),
    }
}

/// Attaches before the start, so that no output is lost, and waits from before the start, so that no end is missed.
fn attached(cli: &Cli, parsed: &Parsed, spec: &Spec, id: &str, control: &Control) -> Outcome {
    let client = cli.client()?;
    let config = &spec.request.config;
    let target = Target::Container(id.to_owned());
    let proxy = parsed.on("sig-proxy").then(|| id.to_owned());
    control.hand_over(client, Signals { resize: config.tty.then(|| target.clone()), proxy });
    let detach_keys = session::detach_keys(cli, parsed.text("detach-keys"));
    let attach = Attach {
        stdin: config.attach_stdin,
        stdout: config.attach_stdout,
        stderr: config.attach_stderr,
        logs: false,
        detach_keys: detach_keys.clone(),
    };
    // As Docker's client: an attach that is refused is no failure of the engine's, and the container stays.
    let session = client.container_attach(id, &attach)?;
    let removes = spec.request.host_config.as_ref().is_some_and(|host| host.auto_remove);
    let condition = if removes { WaitCondition::Removed } else { WaitCondition::NextExit };
    let waiting = client.container_wait(id, condition).map_err(|error| explained(cli, error.into()))?;
    if let Err(error) = client.container_start(id, "", "") {
        if removes {
            // The engine removes what it could not start; the name is free again when the command ends.
            let _ = waiting.finish();
        }
        return Err(explained(cli, error.into()));
    }
    if config.tty {
        session::resize(client, &target);
    }
    let streams = Streams { stdin: config.attach_stdin, tty: config.tty, detach_keys };
    match session::run(session, &streams)? {
        Ended::Detached => Ok(()),
        Ended::Output => exit_status(waiting),
    }
}

/// The container's exit code is ours.
fn exit_status(waiting: Waiting) -> Outcome {
    let ended = waiting
        .finish()
        .map_err(|error| Failure::with_code(EXIT_ENGINE, format!("error waiting for container: {error}")))?;
    if let Some(error) = ended.error {
        return Err(Failure::with_code(
            EXIT_ENGINE,
            format!("error waiting for container: {}", error.message),
        ));
    }
    match ended.status_code {
        0 => Ok(()),
        code => Err(Failure::silent(i32::try_from(code).unwrap_or(EXIT_FAILURE))),
    }
}

/// The failure of `run` itself: its exit code says whether the command was not found (127), could not be run (126), or
/// something else went wrong (125). The engine's text is all there is to tell them apart.
fn explained(cli: &Cli, failure: Failure) -> Failure {
    let has = |words: &[&str]| words.iter().any(|word| failure.text.contains(word));
    let code = if has(&["executable file not found", "no such file or directory"]) {
        EXIT_NOT_FOUND
    } else if has(&["permission denied", "is a directory"]) {
        EXIT_NOT_EXECUTABLE
    } else {
        EXIT_ENGINE
    };
    if failure.text.is_empty() {
        return failure;
    }
    Failure::with_code(
        code,
        format!("{}: {}\n\nRun '{} --help' for more information", cli.prog, failure.text, cli.path),
    )
}

/// The command does not exist.
const EXIT_NOT_FOUND: i32 = 127;
/// The command cannot be executed.
const EXIT_NOT_EXECUTABLE: i32 = 126;

/// Whether a create failed for want of its image, or of its image for the wanted platform.
pub(super) fn lacks_image(error: &errdefs::Error) -> bool {
    let text = error.message();
    error.class() == Class::NotFound && (text.contains("No such image") || text.contains("but its platform"))
}
