//! `login`: authenticate to a registry.

use crate::command::{Args, Command};
use crate::flag::{NONE, boolean, text};
use std::io::Read as _;

use crate::cli::Cli;
use crate::credentials::{self, HUB};
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::{prompt, terminal};

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] [SERVER]",
    about: "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
    aliases: "",
    args: Args::AtMost(1),
    interspersed: true,
    flags: &[
        text("password", 'p', "Password or Personal Access Token (PAT)"),
        boolean("password-stdin", NONE, "Take the Password or Personal Access Token (PAT) from stdin"),
        text("username", 'u', "Username"),
    ],
    run,
};

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let user = parsed.text("username");
    if parsed.given("password") {
        if parsed.on("password-stdin") {
            return Err(Failure::new(
                "conflicting options: cannot specify both --password and --password-stdin",
            ));
        }
        if parsed.text("password").is_empty() {
            return Err(Failure::new("password is empty"));
        }
        cli.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    let mut password = parsed.text("password").to_owned();
    if parsed.on("password-stdin") {
        if user.is_empty() {
            return Err(Failure::new("the --password-stdin option requires --username to be set"));
        }
        std::io::stdin().lock().read_to_string(&mut password)?;
        password.truncate(password.trim_end_matches(['\r', '\n']).len());
    }
    let server = credentials::server(parsed.arg(0));
    // Whoever says everything needs nobody to remember anything.
    let known = if user.is_empty() || password.is_empty() {
        credentials::load(cli, &server)?
    } else {
        api::auth::Config::default()
    };
    let mut login =
        if user.is_empty() && password.is_empty() { known.clone() } else { api::auth::Config::default() };
    login.serveraddress.clone_from(&server);
    if login.username.is_empty() && login.identitytoken.is_empty() {
        login.username = ask_user(cli, user, &known.username, &server)?;
        login.password = if password.is_empty() { ask_password()? } else { password };
    }
    let answer = cli.client()?.login(&login)?;
    if !answer.identity_token.is_empty() {
        login.password.clear();
        login.identitytoken = answer.identity_token;
    }
    let helper = credentials::store(cli, &server, &login)?;
    if helper.is_none() {
        cli.warn(format!(
            "\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this \
             warning. See\nhttps://docs.docker.com/go/credential-store/\n",
            cli.config().directory().join("config.json").display()
        ));
    }
    cli.print(if answer.status.is_empty() { "Login Succeeded" } else { &answer.status })
}

fn ask_user(cli: &Cli, given: &str, known: &str, server: &str) -> Outcome<String> {
    if !given.is_empty() {
        return Ok(given.to_owned());
    }
    if !terminal::is_input() {
        return Err(Failure::new("Error: Cannot perform an interactive login from a non TTY device"));
    }
    if server == HUB {
        cli.print("Log in with your Docker ID or email address to push and pull images from Docker Hub.")?;
    }
    let question = if known.is_empty() { "Username: ".to_owned() } else { format!("Username ({known}): ") };
    match prompt::line(&question)?.trim() {
        "" if known.is_empty() => Err(Failure::new("username is required")),
        "" => Ok(known.to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn ask_password() -> Outcome<String> {
    if !terminal::is_input() {
        return Err(Failure::new("Error: Cannot perform an interactive login from a non TTY device"));
    }
    match prompt::secret("Password: ")? {
        password if password.is_empty() => Err(Failure::new("password is required")),
        password => Ok(password),
    }
}
