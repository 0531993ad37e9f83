//! `network`: everything on networks.

mod connect;
pub(crate) mod create;
mod disconnect;
mod inspect;
mod ls;
pub(crate) mod prune;
mod rm;

use super::{Group, leaf};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Manage networks",
    entries: &[
        leaf("connect", &connect::COMMAND),
        leaf("create", &create::COMMAND),
        leaf("disconnect", &disconnect::COMMAND),
        leaf("inspect", &inspect::COMMAND),
        leaf("ls", &ls::COMMAND).aliased(&["list"]),
        leaf("prune", &prune::COMMAND),
        leaf("rm", &rm::COMMAND).aliased(&["remove"]),
    ],
};
