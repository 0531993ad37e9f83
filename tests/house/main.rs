//! The house rules that can be checked by machine, as ordinary tests.

mod architecture;
mod security;
mod semantics;
mod tidy;
