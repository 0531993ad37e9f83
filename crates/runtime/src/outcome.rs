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
    /// The message is another runtime's own, with everything that runc puts before it.
    pub foreign: bool,
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

/// What Docker adds when a directory and a file were mixed up, mostly in a bind mount.
const MIXED_UP: &str = ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path \
                        exists and is the expected type";

/// What stands before a failure to make or join a control group.
const JOIN_GROUP: &str = "unable to apply cgroup configuration: ";
/// What stands before a failure to set limits.
const SET_LIMITS: &str = "error setting cgroup config for procHooks process: ";

/// A control group that could not be made or joined.
pub(crate) fn no_group(error: &errdefs::Error) -> StartError {
    StartError::other(format!("{JOIN_GROUP}{error}"))
}

/// Limits that could not be set. Shares of real time are set where runc does it: when the group is joined.
pub(crate) fn no_limits(error: &errdefs::Error) -> StartError {
    let text = error.to_string();
    match text.contains("/cpu.rt_") {
        true => no_group(error),
        false => StartError::other(format!("{SET_LIMITS}{text}")),
    }
}

impl StartError {
    /// A failure by its text, which alone decides the kind, as in Docker's daemon.
    pub fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        let has = |text: &str| message.contains(text);
        let kind = if has("permission denied") {
            StartErrorKind::PermissionDenied
        } else if has("not a directory")
            || has("no such file or directory")
            || has("executable file not found")
        {
            StartErrorKind::NotFound
        } else {
            StartErrorKind::Other
        };
        Self { kind, message, foreign: false }
    }

    /// What another runtime says of its failure. Its words decide the kind, whatever their case.
    pub fn foreign(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind: Self::new(message.to_lowercase()).kind, message, foreign: true }
    }

    /// The same as [`StartError::new`], for callers that have no better words.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(message)
    }

    /// The message with Docker's advice, where Docker has some.
    fn advised(&self) -> String {
        let advice = if self.message.contains("not a directory") { MIXED_UP } else { "" };
        format!("{}{advice}", self.message)
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
        // Docker's daemon does these itself, so they come without the runtime's words.
        const DAEMONS: [&str; 4] = [
            "unable to find user ",
            "unable to find group ",
            "uids and gids must be in range ",
            "Cannot mkdir: ",
        ];
        if DAEMONS.iter().any(|start| self.message.starts_with(start)) {
            return self.message.clone();
        }
        if self.foreign {
            return format!(
                "failed to create task for container: failed to create shim task: OCI runtime create failed: {}",
                self.advised()
            );
        }
        // This one is the parent's, which says nothing of the process inside.
        let step = if self.message.starts_with(JOIN_GROUP) { "" } else { "error during container init: " };
        format!(
            "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create \
             failed: unable to start container process: {step}{}",
            self.advised()
        )
    }

    /// The text of `docker exec`, as the daemon gives it.
    pub fn docker_exec_text(&self) -> String {
        if self.foreign {
            return format!("OCI runtime exec failed: {}", self.advised());
        }
        format!("OCI runtime exec failed: exec failed: unable to start container process: {}", self.advised())
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
    errdefs::words(&errno.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_decide_the_kind_and_get_dockers_advice() {
        for (text, code, advice) in [
            ("exec: \"foo\": executable file not found in $PATH", 127, false),
            ("exec: \"/x\": stat /x: no such file or directory", 127, false),
            ("exec: \"/\": is a directory: permission denied", 126, false),
            ("error mounting \"/a\" to rootfs at \"/b\": not a directory", 127, true),
            ("sethostname: invalid argument", 128, false),
        ] {
            let error = StartError::new(text);
            assert_eq!(error.exit_code(), code, "{text}");
            assert_eq!(error.docker_create_text().contains("Are you trying to mount"), advice, "{text}");
            assert_eq!(error.docker_exec_text().ends_with("is the expected type"), advice, "{text}");
        }
    }

    #[test]
    fn control_groups_have_words_of_their_own() {
        let text = "failed to write \"1\": write /sys/fs/cgroup/cpu/x/cpu.cfs_quota_us: invalid argument";
        let told = no_limits(&errdefs::system(text)).docker_create_text();
        assert!(told.ends_with(&format!(
            "runc create failed: unable to start container process: error during container init: error setting cgroup \
             config for procHooks process: {text}"
        )));
        let text = "failed to write \"1\": write /sys/fs/cgroup/cpu/x/cpu.rt_runtime_us: invalid argument";
        let told = no_limits(&errdefs::system(text)).docker_create_text();
        assert!(told.ends_with(&format!("process: unable to apply cgroup configuration: {text}")));
    }

    #[test]
    fn users_are_the_daemons_business() {
        for text in [
            "unable to find user x: no matching entries in passwd file",
            "uids and gids must be in range 0-2147483647",
        ] {
            assert_eq!(StartError::new(text).docker_create_text(), text);
        }
    }

    #[test]
    fn error_numbers_read_as_in_docker() {
        assert_eq!(words(Errno::NOENT), "no such file or directory");
        assert_eq!(words(Errno::NOEXEC), "exec format error");
        assert_eq!(failed("chdir", Errno::ACCESS).to_string(), "chdir: permission denied");
    }
}
