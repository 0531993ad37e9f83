//! Real shims with real containers: a root file system of busybox, no network.
//!
//! Each test has directories and control groups of its own and checks at its end that nothing of them is left.

mod attach;
mod exec;
mod forward;
mod harness;
mod life;
mod survival;
