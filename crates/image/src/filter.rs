//! Which images a list holds.

use jiff::Timestamp;

/// `docker images --filter`: an image must pass all that is set.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Also images without names that are only parents of others.
    pub all: bool,
    /// Only images without names, or only images with.
    pub dangling: Option<bool>,
    /// Labels, `key` or `key=value`; all must be there.
    pub labels: Vec<String>,
    /// Labels of which none may be there.
    pub not_labels: Vec<String>,
    /// Patterns as of Go's `path.Match`, against `name:tag`, `name` and `name@digest`; one must match. Only matching
    /// names are listed.
    pub references: Vec<String>,
    /// Made before this image (name or ID).
    pub before: Vec<String>,
    /// Made after this image (name or ID).
    pub since: Vec<String>,
    /// Made before this time.
    pub until: Option<Timestamp>,
}
