//! The client of image registries: pulling and pushing by the OCI distribution protocol.
//!
//! Synchronous: a pull is a handful of threads that block on sockets and files, and nothing else in the daemon waits
//! for them. Everything a registry sends is hostile until its digest says otherwise; [`limits`] bounds it.
//!
//! Not here: what an image is called locally, and where its layers live unpacked (`image` brings that in as a trait).

mod auth;
mod blob;
mod cancel;
mod challenge;
pub mod client;
pub mod compression;
pub mod config;
pub mod download;
mod endpoint;
mod failure;
pub mod gzip;
mod layer;
pub mod limits;
mod manifests;
pub mod progress;
pub mod pull;
pub mod push;
pub mod search;
mod secure;
mod session;
mod transport;
mod trust;
mod upload;

pub use auth::Auth;
pub use cancel::Cancel;
pub use client::{Client, Login, Remote};
pub use config::Config;
pub use progress::{Event, Progress, Silent, Status};
pub use pull::{Host, Pull, PulledImage, Sinks};
pub use push::{Form, Push, PushImage, PushedImage, Source};
pub use search::Found;
