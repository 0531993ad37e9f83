//! The program against an engine that follows a script: what is sent, in which order, and what comes of the answers.
//!
//! The real engine is tested elsewhere; here are the cases that it cannot be made to show: half-closed streams, errors
//! at a chosen moment, odd framing.

mod engine;
mod refusals;
mod requests;
mod session;
