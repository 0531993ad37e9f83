//! User namespaces that have a mapping, held by descriptors alone.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use errdefs::{Context, Result};
use sys::fork::NewNamespaces;
use sys::userns::Keeper;

use crate::IdMap;

/// A user namespace, and a network namespace that belongs to it if one was asked for. Nobody is in them yet; they live
/// as long as the descriptors or any process in them.
#[derive(Debug)]
pub struct Namespaces {
    /// The user namespace.
    pub user: OwnedFd,
    /// The network namespace.
    pub network: Option<OwnedFd>,
}

impl Namespaces {
    /// Makes them, with these ids. Root inside has all rights over the network namespace, and none over the host's.
    ///
    /// # Errors
    /// System, if the kernel refuses: user namespaces forbidden or too many, ids already someone's.
    pub fn make(map: &IdMap, network: bool) -> Result<Self> {
        let others = if network { NewNamespaces::NETWORK } else { NewNamespaces::empty() };
        let keeper = Keeper::start(others).context(|| "make a user namespace")?;
        let (uids, gids) = map.lines();
        keeper.map(&uids, &gids).context(|| "map the IDs of a user namespace")?;
        let open = |name| keeper.namespace(name).context(|| "hold a namespace");
        Ok(Self { user: open("user")?, network: if network { Some(open("net")?) } else { None } })
    }
}

/// A mapping and a user namespace that has it, in which no process ever is: what mounts are made with that show files by
/// these ids.
#[derive(Debug)]
pub struct Mapped {
    ids: IdMap,
    namespace: OwnedFd,
}

impl Mapped {
    /// Makes the namespace.
    ///
    /// # Errors
    /// As [`Namespaces::make`].
    pub fn new(ids: IdMap) -> Result<Self> {
        let namespace = Namespaces::make(&ids, false)?.user;
        Ok(Self { ids, namespace })
    }

    /// The mapping.
    pub fn ids(&self) -> &IdMap {
        &self.ids
    }

    /// The namespace.
    pub fn namespace(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

/// What root of the user namespace that a process is in is here: user and group. `None` if that is no namespace of its
/// own (0 is 0), or root is nobody.
///
/// # Errors
/// System if the process is gone.
pub fn of_process(pid: u32) -> Result<Option<(u32, u32)>> {
    let root = |name: &str| -> Result<Option<u32>> {
        let path = format!("/proc/{pid}/{name}");
        let text = std::fs::read_to_string(&path).context(|| format!("read {path}"))?;
        Ok(text.lines().find_map(|line| {
            let mut fields = line.split_whitespace();
            (fields.next()? == "0").then(|| fields.next()?.parse().ok())?
        }))
    };
    Ok(root("uid_map")?.zip(root("gid_map")?).filter(|root| *root != (0, 0)))
}
