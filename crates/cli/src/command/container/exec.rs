//! `container exec`: execute a command in a running container.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, many, text};
use crate::opts::env;
use api::exec::{CreateRequest, StartRequest};

use crate::cli::Cli;
use crate::failure::{EXIT_FAILURE, Failure, Outcome};
use crate::flag::Parsed;
use crate::opts::env as variables;
use crate::session::{self, Control, Ended, Signals, Streams, Target};
use crate::terminal;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
    about: "Execute a command in a running container",
    aliases: "docker container exec, docker exec",
    args: Args::AtLeast(2),
    interspersed: false,
    flags: &[
        boolean("detach", 'd', "Detached mode: run command in the background"),
        text("detach-keys", NONE, "Override the key sequence for detaching a container"),
        many("env", 'e', "list", Some(env::check), "Set environment variables"),
        many("env-file", NONE, "list", None, "Read in a file of environment variables"),
        boolean("interactive", 'i', "Keep STDIN open even if not attached"),
        boolean("privileged", NONE, "Give extended privileges to the command"),
        boolean("tty", 't', "Allocate a pseudo-TTY"),
        text("user", 'u', "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
        text("workdir", 'w', "Working directory inside the container"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let detach = parsed.on("detach");
    let (stdin, tty) = (parsed.on("interactive") && !detach, parsed.on("tty"));
    if !detach && let Err(failure) = session::check_tty(stdin, tty) {
        // That there is no such container is said first.
        cli.client()?.container_inspect_raw(parsed.arg(0), false)?;
        return Err(failure);
    }
    let detach_keys = session::detach_keys(cli, parsed.text("detach-keys"));
    let console_size =
        if tty { terminal::size().map(|(rows, columns)| [rows.into(), columns.into()]) } else { None };
    let env = variables::collect(parsed.all("env-file"), parsed.all("env"))?;
    let command: Vec<String> = parsed.args.get(1..).unwrap_or_default().to_vec();
    let request = CreateRequest {
        user: parsed.text("user").to_owned(),
        privileged: parsed.on("privileged"),
        tty,
        console_size,
        attach_stdin: stdin,
        attach_stdout: !detach,
        attach_stderr: !detach,
        detach_keys: detach_keys.clone(),
        env: (!env.is_empty()).then_some(env),
        working_dir: parsed.text("workdir").to_owned(),
        cmd: Some(command),
    };
    let client = cli.client()?;
    let id = client.exec_create(parsed.arg(0), &request)?;
    if id.is_empty() {
        return Err(Failure::new("exec ID empty"));
    }
    let start = StartRequest { detach, tty, console_size };
    if detach {
        return Ok(client.exec_start(&id, &start)?);
    }
    // Without a terminal signals do what they do to any program, and no thread is needed for them.
    let control = tty.then(Control::take).transpose()?;
    let attached = client.exec_attach(&id, &start)?;
    if let Some(control) = control {
        let target = Target::Exec(id.clone());
        control.hand_over(client, Signals { resize: Some(target.clone()), proxy: None });
        session::resize(client, &target);
    }
    if session::run(attached, &Streams { stdin, tty, detach_keys })? == Ended::Detached {
        return Err(Failure::new("read escape sequence"));
    }
    match client.exec_inspect(&id)?.exit_code.unwrap_or_default() {
        0 => Ok(()),
        code => Err(Failure::silent(i32::try_from(code).unwrap_or(EXIT_FAILURE))),
    }
}
