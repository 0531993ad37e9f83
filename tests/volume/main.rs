//! Black-box tests of volumes and bind mounts.

mod mount;
mod named;
