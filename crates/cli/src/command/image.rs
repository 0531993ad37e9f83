//! `image`: everything on images.

pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod load;
pub(crate) mod ls;
pub(crate) mod prune;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod rm;
pub(crate) mod save;
pub(super) mod search;
pub(super) mod tag;
mod tree;

use super::{Group, leaf};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Manage images",
    entries: &[
        leaf("history", &history::COMMAND),
        leaf("import", &import::COMMAND),
        leaf("inspect", &inspect::COMMAND),
        leaf("load", &load::COMMAND),
        leaf("ls", &ls::COMMAND).aliased(&["list"]),
        leaf("prune", &prune::COMMAND),
        leaf("pull", &pull::COMMAND),
        leaf("push", &push::COMMAND),
        leaf("rm", &rm::COMMAND).aliased(&["remove"]),
        leaf("save", &save::COMMAND),
        leaf("tag", &tag::COMMAND),
    ],
};
