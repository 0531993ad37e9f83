//! `--use-api-socket`: the engine's socket in the container, and the user's logins with it.
//!
//! The socket is the engine itself: whoever has it is root on its host. Docker's client always asks for
//! `/var/run/docker.sock` of the host; where this client speaks to a socket of this host, that one is given.

use std::io::Cursor;

use api::container::{BindOptions, CreateRequest, Mount};
use client::container::CopyTo;

use crate::cli::Cli;
use crate::credentials;
use crate::failure::{Failure, Outcome};

/// Where programs look for the engine.
const SOCKET: &str = "/var/run/docker.sock";
/// Where the logins are put.
const DIRECTORY: &str = "/run/secrets/docker";
const VARIABLE: &str = "DOCKER_CONFIG";

/// Asks for the socket; gives the file of logins to put into the container once it is there.
///
/// # Errors
/// If the logins cannot be read.
pub(super) fn ask(cli: &Cli, request: &mut CreateRequest) -> Outcome<Option<String>> {
    let source = match cli.client()?.endpoint() {
        client::Endpoint::Unix(path) => path.display().to_string(),
        _ => SOCKET.to_owned(),
    };
    let mount = Mount {
        r#type: "bind".to_owned(),
        source,
        target: SOCKET.to_owned(),
        bind_options: Some(BindOptions::default()),
        ..Mount::default()
    };
    request.host_config.get_or_insert_default().mounts.get_or_insert_default().push(mount);
    let env = request.config.env.get_or_insert_default();
    // Who names a directory takes care of the logins too.
    if env.iter().any(|given| given.split('=').next() == Some(VARIABLE)) {
        return Ok(None);
    }
    let file = credentials::config_file(cli)
        .map_err(|failure| Failure::new(format!("resolving credentials failed: {}", failure.text)))?;
    if file.is_some() {
        env.push(format!("{VARIABLE}={DIRECTORY}"));
    }
    Ok(file)
}

/// Puts the logins into a container that was created.
///
/// # Errors
/// If the engine does not take them.
pub(super) fn give(cli: &Cli, id: &str, file: &str) -> Outcome {
    let failed =
        |text: String| Failure::new(format!("injecting docker config.json into container failed: {text}"));
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(file.len() as u64);
    header.set_mode(0o600);
    header.set_cksum();
    let path = format!("{}/config.json", DIRECTORY.trim_start_matches('/'));
    let archive = archive
        .append_data(&mut header, path, file.as_bytes())
        .and_then(|()| archive.into_inner())
        .map_err(|error| failed(error.to_string()))?;
    let options = CopyTo::default();
    cli.client()?
        .container_copy_to(id, "/", &mut Cursor::new(archive), options)
        .map_err(|error| failed(error.to_string()))
}
