//! What it says when the engine cannot be reached: Docker's words, which scripts and people know.

use std::io;

use errdefs::{Class, Error};

use crate::endpoint::Endpoint;

/// The error for a connection that could not be made, wanted for `action`.
pub(crate) fn describe(endpoint: &Endpoint, action: &str, error: &io::Error) -> Error {
    let text = match (endpoint, error.kind()) {
        (Endpoint::Unix(path), io::ErrorKind::PermissionDenied) => format!(
            "permission denied while trying to connect to the Docker daemon socket at {endpoint}: dial unix {}: \
             connect: permission denied",
            path.display()
        ),
        (Endpoint::Ssh(_), io::ErrorKind::NotFound) => {
            format!("error during connect: {action}: exec: \"ssh\": executable file not found in $PATH")
        }
        (_, io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            format!("Cannot connect to the Docker daemon at {endpoint}. Is the docker daemon running?")
        }
        _ => format!("error during connect: {action}: {error}"),
    };
    Error::new(Class::Unavailable, text)
}

/// The error for a connection that broke during `action`.
pub(crate) fn broken(action: &str, error: &io::Error) -> Error {
    // An engine that wants TLS answers with something else than HTTP.
    if error.kind() == io::ErrorKind::InvalidData && action.contains(" \"http://") {
        let text = format!(
            "{action}: net/http: HTTP/1.x transport connection broken: {error}.\n* Are you trying to connect to a \
             TLS-enabled daemon without TLS?"
        );
        return Error::new(Class::System, text);
    }
    let reason =
        if error.kind() == io::ErrorKind::UnexpectedEof { "EOF".to_owned() } else { error.to_string() };
    Error::new(Class::System, format!("error during connect: {action}: {reason}"))
}
