//! Images: names, pulling, pushing, loading, saving, committing, removing; everything but running them.
//!
//! An image is known by its ID, the digest of its config. Its bytes (manifest, config, compressed layers) are blobs in
//! `content`, its unpacked layers are directories in `snapshot`, and what ties them together is a record in `store`.
//! The record is written last, behind a sync barrier: an image that is listed is whole.
//!
//! Nothing here knows containers: who uses an image is asked from the caller ([`Use`]), and a [`Lease`] keeps an image
//! from being collected while somebody makes something of it.

mod catalog;
mod changes;
mod commit;
pub mod filter;
mod find;
pub mod history;
pub mod image;
pub mod images;
mod layers;
pub mod lease;
mod load;
mod new_layer;
mod pattern;
mod prune;
mod pull;
mod remove;
pub mod request;
mod save;
mod schema;

pub use filter::ListFilter;
pub use history::HistoryEntry;
pub use image::{Image, ImageId};
pub use images::Images;
pub use lease::Lease;
pub use request::{
    CommitRequest, Deleted, ImportRequest, LoadRequest, PruneFilter, Pruned, PullRequest, Pulled,
    PushRequest, RemoveRequest, SaveRequest, Tagged, Usage, Use,
};
