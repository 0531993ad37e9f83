//! `container`: everything on containers.

pub(super) mod attach;
pub(super) mod commit;
pub(super) mod cp;
pub(crate) mod create;
pub(super) mod diff;
mod ending;
pub(crate) mod exec;
pub(super) mod export;
pub(super) mod inspect;
pub(super) mod kill;
mod limits;
pub(crate) mod logs;
pub(super) mod ls;
pub(super) mod pause;
pub(super) mod port;
pub(crate) mod prune;
pub(super) mod rename;
pub(super) mod restart;
pub(super) mod rm;
pub(crate) mod run;
pub(super) mod start;
pub(super) mod stats;
pub(super) mod stop;
pub(super) mod top;
pub(super) mod unpause;
pub(crate) mod update;
pub(super) mod wait;

use super::{Group, leaf};

/// The group.
pub(crate) static GROUP: Group = Group {
    about: "Manage containers",
    entries: &[
        leaf("attach", &attach::COMMAND),
        leaf("commit", &commit::COMMAND),
        leaf("cp", &cp::COMMAND),
        leaf("create", &create::COMMAND),
        leaf("diff", &diff::COMMAND),
        leaf("exec", &exec::COMMAND),
        leaf("export", &export::COMMAND),
        leaf("inspect", &inspect::COMMAND),
        leaf("kill", &kill::COMMAND),
        leaf("logs", &logs::COMMAND),
        leaf("ls", &ls::COMMAND).aliased(&["ps", "list"]),
        leaf("pause", &pause::COMMAND),
        leaf("port", &port::COMMAND),
        leaf("prune", &prune::COMMAND),
        leaf("rename", &rename::COMMAND),
        leaf("restart", &restart::COMMAND),
        leaf("rm", &rm::COMMAND).aliased(&["remove"]),
        leaf("run", &run::COMMAND),
        leaf("start", &start::COMMAND),
        leaf("stats", &stats::COMMAND),
        leaf("stop", &stop::COMMAND),
        leaf("top", &top::COMMAND),
        leaf("unpause", &unpause::COMMAND),
        leaf("update", &update::COMMAND),
        leaf("wait", &wait::COMMAND),
    ],
};

/// The most requests at once, as Docker's client has it: the engine has other clients too.
const AT_ONCE_MAX: usize = 50;

/// Calls `operation` for all names, many at once, since each may wait for a container to end; results in order.
pub(super) fn each_at_once<N: AsRef<str> + Sync, T: Send>(
    names: &[N],
    operation: impl Fn(&str) -> errdefs::Result<T> + Sync,
) -> Vec<errdefs::Result<T>> {
    if let [name] = names {
        return vec![operation(name.as_ref())];
    }
    let operation = &operation;
    names
        .chunks(AT_ONCE_MAX)
        .flat_map(|chunk| {
            std::thread::scope(|scope| {
                let running: Vec<_> =
                    chunk.iter().map(|name| scope.spawn(move || operation(name.as_ref()))).collect();
                running
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(|_| Err(errdefs::system("request panicked"))))
                    .collect::<Vec<_>>()
            })
        })
        .collect()
}
