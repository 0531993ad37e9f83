//! Networks: one file an operation.

mod connect;
mod create;
mod disconnect;
mod inspect;
mod list;
mod prune;
mod remove;

/// `/networks/NAME/VERB`.
fn path(name: &str, verb: &str) -> String {
    format!("/networks/{}{verb}", crate::query::segment(name))
}
