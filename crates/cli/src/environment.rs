//! The environment variables that the program reads, all in one place.

use std::path::PathBuf;

/// The variable, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place where the program reads its environment")]
pub(crate) fn get(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variable, if it is set, even to nothing.
#[expect(clippy::disallowed_methods, reason = "the one place where the program reads its environment")]
pub(crate) fn get_even_empty(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// All variables, for completion of `KEY` alone in env files.
pub(crate) fn home() -> PathBuf {
    get("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from)
}
