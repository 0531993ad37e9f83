//! Commands of Docker that are not there yet: they say so, rather than being unknown.

use super::{Args, Command};
use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;

macro_rules! missing {
    ($($(#[$doc:meta])* $name:ident $run:ident $what:literal;)*) => {$(
        $(#[$doc])*
        pub(super) static $name: Command = Command {
            usage: "",
            about: concat!("Not there yet: ", $what),
            aliases: "",
            args: Args::Any,
            interspersed: false,
            flags: &[],
            run: $run,
        };
        fn $run(cli: &Cli, _: &Parsed) -> Outcome {
            Err(Failure::new(format!("{}: {} is not there yet", cli.prog, $what)))
        }
    )*};
}

missing! {
    /// Building images.
    BUILD build "building images";
    /// Compose.
    COMPOSE compose "Compose";
    /// Manifest lists.
    MANIFEST manifest "working on manifest lists";
    /// Plugins.
    PLUGIN plugin "managing plugins";
    /// Content trust.
    TRUST trust "content trust";
    /// Swarm mode.
    SWARM swarm "swarm mode";
}
