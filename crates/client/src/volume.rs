//! Volumes: one file an operation.

mod create;
mod inspect;
mod list;
mod prune;
mod remove;

/// `/volumes/NAME`.
fn path(name: &str) -> String {
    format!("/volumes/{}", crate::query::segment(name))
}
