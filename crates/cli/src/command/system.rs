//! `system`: the engine itself.

pub(crate) mod df;
mod dial_stdio;
pub(super) mod events;
pub(super) mod info;
pub(crate) mod prune;

use super::{Group, leaf};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Manage Docker",
    entries: &[
        leaf("df", &df::COMMAND),
        leaf("dial-stdio", &dial_stdio::COMMAND).hide(),
        leaf("events", &events::COMMAND),
        leaf("info", &info::COMMAND),
        leaf("prune", &prune::COMMAND),
    ],
};
