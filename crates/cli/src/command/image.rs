//! `image`: everything on images.

pub(super) mod history;
pub(super) mod import;
pub(super) mod inspect;
pub(super) mod load;
pub(super) mod ls;
pub(super) mod prune;
pub(super) mod pull;
pub(super) mod push;
pub(super) mod rm;
pub(super) mod save;
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
