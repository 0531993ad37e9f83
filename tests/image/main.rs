//! Black-box tests of images: from registries, archives and containers.

mod archive;
mod pull;
mod remove;
mod search;
