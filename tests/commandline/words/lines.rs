//! The command lines that both clients are given, by what they are about.

mod lists;
mod misused;
mod nameless;
mod objects;
mod templates;

pub(super) use lists::{LISTS, SCENE};
pub(super) use misused::MISUSED;
pub(super) use nameless::NAMELESS;
pub(super) use objects::{CONTAINERS, OBJECTS};
pub(super) use templates::TEMPLATES;
