//! The data of the OCI and Docker formats: digests, references, platforms, image configs, manifests, runtime specs.
//!
//! Pure: nothing here does I/O. Parsing is refusing: what is not exactly right is an error, never a guess, and
//! never a truncation. What is hashed is always the bytes as received: a parsed document is never written back.

pub mod digest;
pub mod image;
pub mod manifest;
pub mod platform;
pub mod reference;
pub mod runtime;
mod strict;
