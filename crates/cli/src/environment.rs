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

/// The names of all variables: candidates for `--env NAME`.
pub(crate) fn names() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// Where the user's files are.
pub(crate) fn home() -> PathBuf {
    get("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from)
}
