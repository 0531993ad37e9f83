//! Images: one file an operation.

mod history;
mod import;
mod inspect;
mod list;
mod load;
mod prune;
mod pull;
mod push;
mod remove;
mod save;
mod search;
mod tag;

pub use import::Import;
pub use remove::Remove;

/// `/images/NAME/VERB`.
fn path(name: &str, verb: &str) -> String {
    format!("/images/{}{verb}", crate::query::segment(name))
}

/// The platforms as the parameters of that name want them: each a JSON object.
fn platforms(mut query: crate::Query, parameter: &str, platforms: &[api::image::Platform]) -> crate::Query {
    for platform in platforms {
        query = query.with(parameter, serde_json::to_string(platform).unwrap_or_default());
    }
    query
}
