//! `context`: named engines, in the files of Docker's client.

mod create;
mod export;
mod import;
mod inspect;
mod ls;
mod rm;
mod show;
mod update;
mod r#use;

use super::{Group, leaf};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Manage contexts",
    entries: &[
        leaf("create", &create::COMMAND),
        leaf("export", &export::COMMAND),
        leaf("import", &import::COMMAND),
        leaf("inspect", &inspect::COMMAND),
        leaf("ls", &ls::COMMAND).aliased(&["list"]),
        leaf("rm", &rm::COMMAND).aliased(&["remove"]),
        leaf("show", &show::COMMAND),
        leaf("update", &update::COMMAND),
        leaf("use", &r#use::COMMAND),
    ],
};
