//! The HTTP side of the engine: listeners, routes, streams and hijacked connections.
//!
//! A request goes: connection → version check → route table ([`routes`]) → handler → answer with Docker's headers.
//! Handlers call the engine's synchronous methods on blocking threads, even those that only read memory: one lock held
//! for long would otherwise stop every connection. Nothing here decides policy.
//!
//! Invariants: only `status` turns an error class into an HTTP status; a handler's panic is a 500, never the end of the
//! daemon; once a connection is hijacked its descriptor is the engine's and no byte of it passes through here (but for
//! TLS, which cannot be handed on).

mod body;
mod connection;
mod hijack;
mod inflow;
mod legacy;
mod lenient;
mod listen;
mod metrics;
mod query;
mod request;
mod response;
mod router;
mod routes;
mod service;
mod status;
mod stream;

pub use listen::{Listener, serve};
pub use metrics::serve_metrics;
pub use service::Handles;
