//! The command lines that both clients are given, by what they are about.

mod lists;
mod misused;
mod objects;

pub(super) use lists::{LISTS, SCENE};
pub(super) use misused::MISUSED;
pub(super) use objects::{CONTAINERS, OBJECTS};
