//! `container create`: create a new container.

use crate::command::{Args, Command};
use api::container::CreateRequest;
use oci::reference::Reference;

use crate::cli::Cli;
use crate::command::image::pull;
use crate::failure::{EXIT_ENGINE, Failure, Outcome, on_path};
use crate::flag::Parsed;
use crate::{environment, trust};
use flags::CREATE_FLAGS as FLAGS;

mod api_socket;
pub(crate) mod flags;
mod health;
mod host;
mod networks;
mod settings;

/// The command.
pub(crate) static COMMAND: Command = Command {
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Create a new container",
    aliases: "docker container create, docker create",
    args: Args::AtLeast(1),
    interspersed: false,
    flags: FLAGS,
    run,
};

/// A container to create.
pub(super) struct Spec {
    pub(super) request: CreateRequest,
    /// The file of logins that goes into it.
    logins: Option<String>,
}

/// Makes of the flags what is to be created.
pub(super) fn spec(cli: &Cli, parsed: &Parsed) -> Outcome<Spec> {
    let policy = parsed.text("pull");
    let request = if ["always", "missing", "never"].contains(&policy) {
        settings::request(cli, parsed)
    } else {
        Err(Failure::new(format!(
            "invalid pull option: '{policy}': must be one of \"always\", \"missing\" or \"never\""
        )))
    };
    let request = request.map_err(|failure| {
        Failure::with_code(
            EXIT_ENGINE,
            format!("{}: {}\n\nRun '{} --help' for more information", cli.prog, failure.text, cli.path),
        )
    })?;
    Ok(Spec { request, logins: None })
}

fn run(cli: &Cli, parsed: &Parsed) -> Outcome {
    let mut spec = spec(cli, parsed)?;
    let id = create(cli, parsed, &mut spec)?;
    cli.print(id)
}

/// Creates the container, pulling its image if it is missing (or always, or never); gives its ID.
pub(super) fn create(cli: &Cli, parsed: &Parsed, spec: &mut Spec) -> Outcome<String> {
    let cid_file = CidFile::new(parsed.text("cidfile"))?;
    let image = parsed.arg(0);
    let reference = if oci::reference::is_hex_id(image) || is_digest(image) {
        None
    } else {
        Some(Reference::parse(image).map_err(|error| Failure::new(error.to_string()))?.tag_or_latest())
    };
    let platform = match parsed.text("platform") {
        "" => environment::get("DOCKER_DEFAULT_PLATFORM").unwrap_or_default(),
        platform => platform.to_owned(),
    };
    if !platform.is_empty() {
        oci::platform::Platform::parse(&platform)
            .map_err(|error| Failure::new(format!("error parsing specified platform: {error}")))?;
    }
    let quiet = parsed.on("quiet");
    let policy = parsed.text("pull");
    if !matches!(policy, "always" | "missing" | "never") {
        return Err(Failure::new(format!(
            "invalid pull option: '{policy}': must be one of \"always\", \"missing\" or \"never\""
        )));
    }
    if !image.contains('@') {
        trust::refuse(parsed)?;
    }
    let client = cli.client()?;
    if parsed.on("use-api-socket") {
        spec.logins = api_socket::ask(cli, &mut spec.request)?;
    }
    if let Some(reference) = reference.as_ref().filter(|_| policy == "always") {
        pull::before_run(cli, reference, &platform, quiet)?;
    }
    let attempt = || client.container_create(&spec.request, parsed.text("name"), &platform);
    let created = match (attempt(), &reference) {
        (Err(error), Some(reference)) if policy == "missing" && super::run::lacks_image(&error) => {
            if !quiet {
                cli.warn(format!("Unable to find image '{}' locally", reference.familiar()));
            }
            pull::before_run(cli, reference, &platform, quiet)?;
            attempt()?
        }
        (other, _) => other?,
    };
    for warning in &created.warnings {
        cli.warn(format!("WARNING: {warning}"));
    }
    cid_file.write(&created.id)?;
    if let Some(file) = &spec.logins {
        api_socket::give(cli, &created.id, file)?;
    }
    Ok(created.id)
}

fn is_digest(image: &str) -> bool {
    image.strip_prefix("sha256:").is_some_and(oci::reference::is_hex_id)
}

/// The file that gets the container's ID: claimed before the container is created, gone again if it is not.
struct CidFile<'a> {
    path: &'a str,
    file: Option<std::fs::File>,
}

impl<'a> CidFile<'a> {
    fn new(path: &'a str) -> Outcome<Self> {
        if path.is_empty() {
            return Ok(Self { path, file: None });
        }
        let file = std::fs::File::create_new(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Failure::new(format!(
                "container ID file found, make sure the other container isn't running or delete {path}"
            )),
            _ => {
                let Failure { text, .. } = on_path("open", path, &error);
                Failure::new(format!("failed to create the container ID file: {text}"))
            }
        })?;
        Ok(Self { path, file: Some(file) })
    }

    fn write(mut self, id: &str) -> Outcome {
        use std::io::Write as _;
        if let Some(mut file) = self.file.take() {
            file.write_all(id.as_bytes()).map_err(|error| {
                Failure::new(format!("failed to write the container ID to the file: {error}"))
            })?;
        }
        Ok(())
    }
}

impl Drop for CidFile<'_> {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Nothing was written: leave no empty file behind.
            let _ = std::fs::remove_file(self.path);
        }
    }
}
