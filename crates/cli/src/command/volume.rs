//! `volume`: everything on volumes.

mod create;
mod inspect;
pub(super) mod ls;
pub(crate) mod prune;
pub(crate) mod rm;
pub(crate) mod update;

use super::{Group, leaf};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Manage volumes",
    entries: &[
        leaf("create", &create::COMMAND),
        leaf("inspect", &inspect::COMMAND),
        leaf("ls", &ls::COMMAND).aliased(&["list"]),
        leaf("prune", &prune::COMMAND),
        leaf("rm", &rm::COMMAND).aliased(&["remove"]),
        leaf("update", &update::COMMAND).hide(),
    ],
};
