//! The state checker: whether what a daemon has recorded, what is on its disk and what the kernel holds agree.
//!
//! The leak checker asks what is left when everything has been removed; this one asks, at any quiet moment of a daemon's
//! life, whether each record has what it needs and each thing has a record: directories and layers, volumes, shims,
//! processes, control groups, links, addresses, firewall elements, listening sockets, mounts. [`Observed::take`] looks,
//! [`Observed::problems`] judges and is pure, so that the checker itself is tested without a daemon too.
//!
//! A daemon finishes some work after its answer (it empties the trash, waits for a namespace to die), so [`settle`] looks
//! again until there is nothing to complain of or patience is at its end.

mod disk;
mod judge;
mod kernel;
mod records;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::leakcheck::Scope;
use crate::wait;

pub use disk::Disk;
pub(crate) use kernel::shims;
pub use kernel::{Group, Kernel, Link, Process};
pub use records::{Container, Endpoint, Image, Mount, Network, Port, Records, Volume};

/// What `GET /containers/json?all=1` says of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its full ID.
    pub id: String,
    /// Its name without slash.
    pub name: String,
    /// Docker's word for its state.
    pub state: String,
}

/// A daemon's whole state at one quiet moment.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// What is in the database.
    pub records: Records,
    /// What is in the data root and the state directory.
    pub disk: Disk,
    /// What the kernel holds.
    pub kernel: Kernel,
    /// What the daemon shows, if it was asked.
    pub shown: Option<Vec<Shown>>,
}

impl Observed {
    /// Looks at everything; `listing` asks the daemon for its list of all containers. `None` if the records changed
    /// meanwhile, so that the parts may not belong together.
    pub fn take(scope: &Scope<'_>, listing: &dyn Fn() -> Option<String>) -> Option<Self> {
        let inside = scope.inside();
        let records = Records::read(&inside)?;
        let disk = Disk::read(&inside);
        let kernel = Kernel::read(scope, &records);
        let shown = listing().as_deref().and_then(shown);
        (Records::read(&inside)? == records).then_some(Self { records, disk, kernel, shown })
    }

    /// What does not agree, one line each; empty if all is well.
    pub fn problems(&self) -> Vec<String> {
        judge::problems(self)
    }
}

/// Looks until nothing is wrong; what is still wrong when patience is at its end.
pub fn settle(scope: &Scope<'_>, listing: &dyn Fn() -> Option<String>) -> Vec<String> {
    wait::until_empty(|| match Observed::take(scope, listing) {
        Some(observed) => observed.problems(),
        None => vec!["the records do not come to rest".to_owned()],
    })
}

fn shown(listing: &str) -> Option<Vec<Shown>> {
    let list: Vec<Value> = serde_json::from_str(listing).ok()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |entry: &Value| Shown {
        id: text(&entry["Id"]),
        name: text(&entry["Names"][0]).trim_start_matches('/').to_owned(),
        state: text(&entry["State"]),
    };
    Some(list.iter().map(one).collect())
}
