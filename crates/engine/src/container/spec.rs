//! From a container's record to the OCI runtime spec of its next run.

mod capabilities;
mod resources;
mod user;
