//! The command line itself: contexts, configuration, completion, plugins, and its words next to those of Docker's own
//! client.

mod completion;
mod config;
mod context;
mod pair;
mod plugin;
mod terminal;
mod words;
