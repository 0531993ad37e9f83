//! `container attach`: attach local standard input, output, and error streams to a running container.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, text};
use client::container::{Attach, WaitCondition};

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::session::{self, Control, Ended, Signals, Streams, Target};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER",
    about: "Attach local standard input, output, and error streams to a running container",
    aliases: "docker container attach, docker attach",
    args: Args::Exactly(1),
    interspersed: true,
    flags: &[
        text("detach-keys", NONE, "Override the key sequence for detaching a container"),
        boolean("no-stdin", NONE, "Do not attach STDIN"),
        boolean("sig-proxy", NONE, "Proxy all received signals to the process (default true)")
            .default("true"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let control = Control::take()?;
    let client = cli.client()?;
    let container = client.container_inspect(parsed.arg(0))?;
    if !container.state.running {
        return Err(Failure::new("You cannot attach to a stopped container, start it first"));
    }
    if container.state.paused {
        return Err(Failure::new("You cannot attach to a paused container, unpause it first"));
    }
    if container.state.restarting {
        return Err(Failure::new("You cannot attach to a restarting container, wait until it is running"));
    }
    let stdin = !parsed.on("no-stdin") && container.config.open_stdin;
    let tty = container.config.tty;
    session::check_tty(stdin, tty)?;
    let detach_keys = session::detach_keys(cli, parsed.text("detach-keys"));
    let waiting = client.container_wait(&container.id, WaitCondition::NotRunning)?;
    let options = Attach { stdin, stdout: true, stderr: true, logs: false, detach_keys: detach_keys.clone() };
    let attached = client.container_attach(&container.id, &options)?;
    let target = Target::Container(container.id.clone());
    let proxy = (parsed.on("sig-proxy") && !tty).then(|| container.id.clone());
    control.hand_over(client, Signals { resize: tty.then(|| target.clone()), proxy });
    if tty {
        // A size of its own first: only a change makes a shell draw its prompt again.
        session::jolt(client, &target);
        session::resize(client, &target);
    }
    if session::run(attached, &Streams { stdin, tty, detach_keys })? == Ended::Detached {
        return Err(Failure::new("read escape sequence"));
    }
    let ended = waiting.finish()?;
    if let Some(error) = ended.error {
        return Err(Failure::new(error.message));
    }
    match ended.status_code {
        0 => Ok(()),
        code => Err(Failure::silent(i32::try_from(code).unwrap_or(crate::failure::EXIT_FAILURE))),
    }
}
