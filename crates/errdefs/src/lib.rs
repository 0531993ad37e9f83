//! Error classes shared by every crate: what kind of failure it is, in words a user can read.
//!
//! A class says what the caller can do about the failure; it is not an HTTP status. Only `server` maps classes to
//! statuses, only `cli` maps them to exit codes. The message is the text a user sees: error texts are part of the
//! Docker API, so they are written in Docker's words where Docker has words for it.
//!
//! Invariant: an error has exactly one class, chosen where it is raised. Adding context keeps the class.

use std::error::Error as StdError;
use std::fmt;

/// What kind of failure it is. The variants are those of moby's `errdefs` package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The named object does not exist.
    NotFound,
    /// The request itself is wrong and will never succeed as it stands.
    InvalidParameter,
    /// The request cannot be fulfilled in the current state of the object.
    Conflict,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// The request is understood and will never be allowed.
    Forbidden,
    /// The object is already in the wanted state.
    NotModified,
    /// Something this request depends on cannot be reached now; trying again later may help.
    Unavailable,
    /// The feature does not exist here.
    NotImplemented,
    /// The caller has gone away or asked to stop.
    Cancelled,
    /// A deadline ran out.
    DeadlineExceeded,
    /// A failure of the system or of ourselves.
    System,
}

/// A classified failure: a class, the text for the user, and what caused it.
///
/// `Display` prints the message and then the causes, joined by `": "`, as Go's wrapped errors print.
pub struct Error {
    class: Class,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of anything that can fail with a classified error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `class` with the text `message`.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), source: None }
    }

    /// The same error with its cause attached.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind of failure.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The text without the causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether there was no space on the disk. Told by the text, which is what comes through threads and pipelines: the
    /// kernel's words, or SQLite's.
    pub fn is_disk_full(&self) -> bool {
        let text = self.to_string();
        text.contains("no space left on device") || text.contains("database or disk is full")
    }

    /// Puts `what` in front of the message; the class stays.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $class:ident;)*) => {
        $( $(#[$doc])* pub fn $name(message: impl Into<String>) -> Error { Error::new(Class::$class, message) } )*
    };
}

constructors! {
    /// An error of class [`Class::NotFound`].
    not_found => NotFound;
    /// An error of class [`Class::InvalidParameter`].
    invalid => InvalidParameter;
    /// An error of class [`Class::Conflict`].
    conflict => Conflict;
    /// An error of class [`Class::Unauthorized`].
    unauthorized => Unauthorized;
    /// An error of class [`Class::Forbidden`].
    forbidden => Forbidden;
    /// An error of class [`Class::NotModified`].
    not_modified => NotModified;
    /// An error of class [`Class::Unavailable`].
    unavailable => Unavailable;
    /// An error of class [`Class::NotImplemented`].
    not_implemented => NotImplemented;
    /// An error of class [`Class::Cancelled`].
    cancelled => Cancelled;
    /// An error of class [`Class::System`].
    system => System;
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|s| s as &dyn StdError);
        while let Some(error) = cause {
            write!(f, ": {}", without_number(error.to_string()))?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.class)
    }
}

// `Display` already prints the whole chain, so `source` would make a reporter print it twice.
impl StdError for Error {}

/// A system error in the words Go programs have for it: the C library's in lower case, without the number. Docker's texts
/// have these words, and clients look for them.
pub fn words(error: &std::io::Error) -> String {
    let text = error.to_string();
    in_lower_case(text.split(" (os error").next().unwrap_or_default())
}

fn in_lower_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The text of a cause: a bare system error (of `std` or of a crate that prints it the same way) by its [`words`].
fn without_number(text: String) -> String {
    match text.split_once(" (os error ") {
        Some((bare, number)) if number.ends_with(')') && !bare.contains(": ") => in_lower_case(bare),
        _ => text,
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        system(without_number(error.to_string()))
    }
}

/// Adds what was being done to an error that has no class yet (an I/O error mostly), making it a [`Class::System`] one.
pub trait Context<T> {
    /// `what` is the operation and its object, e.g. `"open /etc/passwd"`; it is only built on failure.
    fn context<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn context<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| {
            let error = error.into();
            match error.downcast::<Error>() {
                Ok(classified) => classified.context(what()),
                Err(other) => system(what().to_string()).with_source(other),
            }
        })
    }
}

/// Failures of a teardown that went on to its end: every step is tried, none hides another.
#[derive(Debug, Default)]
pub struct Collected(Vec<Error>);

impl Collected {
    /// Nothing has failed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the failure, if it is one, and goes on.
    pub fn step<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    /// `Ok` if nothing failed, else one error of the first one's class with all the texts.
    pub fn finish(self) -> Result<()> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        Err(Error::new(first.class(), texts.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_prints_message_and_causes_once() {
        let io = std::io::Error::from_raw_os_error(2);
        let error = Err::<(), _>(io).context(|| "open /x").unwrap_err();
        assert_eq!(error.to_string(), "open /x: no such file or directory");
        assert_eq!(Error::from(std::io::Error::from_raw_os_error(28)).to_string(), "no space left on device");
    }

    #[test]
    fn context_keeps_the_class_of_a_classified_error() {
        let error = Err::<(), _>(not_found("No such container: x")).context(|| "start").unwrap_err();
        assert_eq!(error.class(), Class::NotFound);
        assert_eq!(error.to_string(), "start: No such container: x");
    }

    #[test]
    fn collected_runs_every_step_and_reports_all() {
        let mut teardown = Collected::new();
        teardown.step(Err::<(), _>(conflict("a")));
        assert_eq!(teardown.step(Ok(1)), Some(1));
        teardown.step(Err::<(), _>(system("b")));
        let error = teardown.finish().unwrap_err();
        assert_eq!((error.class(), error.to_string().as_str()), (Class::Conflict, "a; b"));
    }
}
