//! How a command fails: the text for standard error and the exit code.

use std::fmt;

/// The exit code of an ordinary failure.
pub(crate) const EXIT_FAILURE: i32 = 1;
/// The exit code when `run` itself failed, and of misused flags.
pub(crate) const EXIT_ENGINE: i32 = 125;

/// A failed command. An empty text prints nothing: everything was said already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: i32,
    pub(crate) text: String,
}

/// What a command gives.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// An ordinary failure.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { code: EXIT_FAILURE, text: text.into() }
    }

    /// A failure with a code of its own.
    pub(crate) fn with_code(code: i32, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// Nothing more to say.
    pub(crate) fn silent(code: i32) -> Self {
        Self { code, text: String::new() }
    }
}

impl From<errdefs::Error> for Failure {
    fn from(error: errdefs::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // The reader of our output has gone: what a program does that is killed by SIGPIPE, without a word.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::silent(EXIT_BROKEN_PIPE);
        }
        Self::new(error.to_string())
    }
}

/// What a shell reports for a program killed by `SIGPIPE`.
const EXIT_BROKEN_PIPE: i32 = 128 + 13;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Failures of a command that goes on with its other objects: all are told, in order.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<String>);

impl Failures {
    /// Notes the failure, if it is one.
    pub(crate) fn note<T>(&mut self, result: errdefs::Result<T>) -> Option<T> {
        result.map_err(|error| self.0.push(error.to_string())).ok()
    }

    /// Notes a text.
    pub(crate) fn push(&mut self, text: impl Into<String>) {
        self.0.push(text.into());
    }

    /// A failure with all the texts, a line each, if there are any.
    pub(crate) fn finish(self) -> Outcome {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::new(self.0.join("\n"))) }
    }
}

/// The failure of a system call on a path, as Go words it: `open /x: no such file or directory`.
pub(crate) fn on_path(operation: &str, path: impl fmt::Display, error: &std::io::Error) -> Failure {
    Failure::new(format!("{operation} {path}: {}", system_words(error)))
}

/// The system's words for an error, as Go prints them: lower case and without the number.
pub(crate) fn system_words(error: &std::io::Error) -> String {
    errdefs::words(error)
}
