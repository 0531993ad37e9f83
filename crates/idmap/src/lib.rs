//! User and group ids of containers and what they are on the host: the mapping itself, where it comes from
//! (`/etc/subuid`), and the user namespaces that have it.
//!
//! Two words are kept apart everywhere: a *container id* is what a process inside sees, and what layers and images hold;
//! a *host id* is what the kernel checks outside. A mapping is a list of ranges, checked once when it is made
//! ([`IdMap::new`]), so that whoever holds one need not.

use std::fmt::Write as _;

use errdefs::{Result, invalid, system};
use serde::{Deserialize, Serialize};

mod namespace;
pub mod passwd;
pub mod remap;
pub mod subid;

pub use namespace::{Mapped, Namespaces, of_process};

/// What an id without a mapping is shown as (`/proc/sys/kernel/overflowuid`).
pub const NOBODY: u32 = 65_534;
/// The most ranges that a user namespace takes (`UID_GID_MAP_MAX_EXTENTS`).
pub const RANGES_MAX: usize = 340;

/// Consecutive ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first, inside.
    pub container: u32,
    /// The first, on the host.
    pub host: u32,
    /// How many.
    pub size: u32,
}

/// A container's users and groups on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    uids: Vec<Range>,
    gids: Vec<Range>,
}

impl IdMap {
    /// A mapping of these ranges.
    ///
    /// # Errors
    /// InvalidParameter if there are none or too many, if one is empty or leaves the 32 bits (the last id of which means
    /// "none"), if two overlap on either side, or if root has no id.
    pub fn new(uids: Vec<Range>, gids: Vec<Range>) -> Result<Self> {
        check(&uids, "user")?;
        check(&gids, "group")?;
        Ok(Self { uids, gids })
    }

    /// The ranges of users.
    pub fn uids(&self) -> &[Range] {
        &self.uids
    }

    /// The ranges of groups.
    pub fn gids(&self) -> &[Range] {
        &self.gids
    }

    /// What the container's root is on the host: user and group.
    pub fn root(&self) -> (u32, u32) {
        let host = |ranges: &[Range]| to_host(ranges, 0).unwrap_or(u32::MAX);
        (host(&self.uids), host(&self.gids))
    }

    /// What a user and a group of the container are on the host.
    ///
    /// # Errors
    /// InvalidParameter, in Docker's words, for one that is not mapped.
    pub fn to_host(&self, uid: u32, gid: u32) -> Result<(u32, u32)> {
        let map = |ranges: &[Range], id| {
            to_host(ranges, id)
                .ok_or_else(|| invalid(format!("container ID {id} cannot be mapped to a host ID")))
        };
        Ok((map(&self.uids, uid)?, map(&self.gids, gid)?))
    }

    /// What a user and a group of the host are in the container.
    ///
    /// # Errors
    /// As [`IdMap::to_host`].
    pub fn to_container(&self, uid: u32, gid: u32) -> Result<(u32, u32)> {
        let map = |ranges: &[Range], id: u32| {
            to_container(ranges, id)
                .ok_or_else(|| invalid(format!("host ID {id} cannot be mapped to a container ID")))
        };
        Ok((map(&self.uids, uid)?, map(&self.gids, gid)?))
    }

    /// What a user and a group of the host are shown as in the container: those that are not mapped are nobody.
    pub fn seen(&self, uid: u32, gid: u32) -> (u32, u32) {
        (to_container(&self.uids, uid).unwrap_or(NOBODY), to_container(&self.gids, gid).unwrap_or(NOBODY))
    }

    /// The text of a namespace's `uid_map` and `gid_map`.
    pub fn lines(&self) -> (String, String) {
        (lines(&self.uids), lines(&self.gids))
    }
}

/// Runs `work` on a thread that makes files as the root of `ids`, with all rights of the caller; without ids just runs it.
///
/// # Errors
/// Those of `work`; System if the kernel does not let the thread be that root.
pub fn as_root<T: Send>(ids: Option<&IdMap>, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let Some(ids) = ids else { return work() };
    let (uid, gid) = ids.root();
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            sys::identity::set_file_ids(uid, gid).map_err(|error| system(error.to_string()))?;
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn to_host(ranges: &[Range], id: u32) -> Option<u32> {
    let range =
        ranges.iter().find(|range| id.checked_sub(range.container).is_some_and(|n| n < range.size))?;
    Some(range.host + (id - range.container))
}

fn to_container(ranges: &[Range], id: u32) -> Option<u32> {
    let range = ranges.iter().find(|range| id.checked_sub(range.host).is_some_and(|n| n < range.size))?;
    Some(range.container + (id - range.host))
}

fn lines(ranges: &[Range]) -> String {
    ranges.iter().fold(String::new(), |mut text, range| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {} {}", range.container, range.host, range.size);
        text
    })
}

fn check(ranges: &[Range], what: &str) -> Result<()> {
    if ranges.len() > RANGES_MAX {
        return Err(invalid(format!("{} ranges of {what} IDs, the kernel takes {RANGES_MAX}", ranges.len())));
    }
    for range in ranges {
        let fits = |first: u32| first.checked_add(range.size).is_some();
        if range.size == 0 || !fits(range.container) || !fits(range.host) {
            return Err(invalid(format!(
                "invalid range of {what} IDs: {} {} {}",
                range.container, range.host, range.size
            )));
        }
    }
    let sides: [fn(&Range) -> u32; 2] = [|range| range.container, |range| range.host];
    for first in sides {
        let mut sorted: Vec<&Range> = ranges.iter().collect();
        sorted.sort_by_key(|range| first(range));
        for pair in sorted.windows(2) {
            if first(pair[0]) + pair[0].size > first(pair[1]) {
                return Err(invalid(format!(
                    "ranges of {what} IDs overlap: {} and {}",
                    first(pair[0]),
                    first(pair[1])
                )));
            }
        }
    }
    if to_host(ranges, 0).is_none() {
        return Err(invalid(format!("the ranges of {what} IDs do not map 0")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
