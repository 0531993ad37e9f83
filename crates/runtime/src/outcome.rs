//! How the start of a process went wrong, in Docker's words: the texts are API, clients match on them.

use std::fmt;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Why a process could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartError {
    /// What kind, which decides the exit code clients show.
    pub kind: StartErrorKind,
    /// What runc prints after `error during container init: `, e.g. `exec: "foo": executable file not found in $PATH`.
    pub message: String,
}

/// Kinds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartErrorKind {
    /// There is no such program; exit code 127.
    NotFound,
    /// It cannot be executed; exit code 126.
    PermissionDenied,
    /// Anything else; exit code 128.
    Other,
}

impl StartError {
    /// A failure of some other kind.
    pub fn other(message: impl Into<String>) -> Self {
        Self { kind: StartErrorKind::Other, message: message.into() }
    }

    /// The exit code Docker records for a container that failed so.
    pub fn exit_code(&self) -> i32 {
        match self.kind {
            StartErrorKind::NotFound => 127,
            StartErrorKind::PermissionDenied => 126,
            StartErrorKind::Other => 128,
        }
    }

    /// The text of `docker start`, as the daemon gives it.
    pub fn docker_create_text(&self) -> String {
        format!(
            "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create \
             failed: unable to start container process: error during container init: {}",
            self.message
        )
    }

    /// The text of `docker exec`, as the daemon gives it.
    pub fn docker_exec_text(&self) -> String {
        format!("OCI runtime exec failed: exec failed: unable to start container process: {}", self.message)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StartError {}

impl From<errdefs::Error> for StartError {
    fn from(error: errdefs::Error) -> Self {
        Self::other(error.to_string())
    }
}

/// A failed system call that an image or a user causes, with Docker's words for the error number.
///
/// Carries no kind: a step that can fail for lack of a program makes its own [`StartError`].
pub(crate) fn failed(what: impl fmt::Display, errno: Errno) -> StartError {
    StartError::other(format!("{what}: {}", words(errno)))
}

/// The error number in the words Go programs use for it: the C library's, in lower case.
pub(crate) fn words(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        // "Input/output error" and the like have no second capital.
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_numbers_read_as_in_docker() {
        assert_eq!(words(Errno::NOENT), "no such file or directory");
        assert_eq!(words(Errno::NOEXEC), "exec format error");
        assert_eq!(failed("chdir", Errno::ACCESS).to_string(), "chdir: permission denied");
    }
}
