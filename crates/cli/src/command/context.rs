//! `context`: named engines. Making and removing them is not there yet; those of Docker's client are used as they are.

mod ls;
mod show;
mod r#use;

use super::{Group, leaf};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Manage contexts",
    entries: &[
        leaf("ls", &ls::COMMAND).aliased(&["list"]),
        leaf("show", &show::COMMAND),
        leaf("use", &r#use::COMMAND),
    ],
};
