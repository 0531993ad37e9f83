//! Network namespaces for containers, made ahead of need.
//!
//! Making one takes the kernel 0.4 ms and now and then 20, so a thread keeps a few ready: loopback up, sysctls set, and a
//! netlink socket opened inside, so that configuring one later needs no thread to enter it. They are held by descriptors
//! alone: whatever happens to the daemon, the kernel frees them. A namespace that a container has used is never given to
//! another.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread::JoinHandle;

use errdefs::{Context, Result};
use parking_lot::{Condvar, Mutex};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::netlink::{Encoder, Socket, route};

/// Loopback has this index in every namespace; the first link made gets the next.
const LOOPBACK_INDEX: u32 = 1;
/// Index of the first interface in a namespace from the pool, as in a container of Docker's.
const FIRST_INDEX: u32 = 2;

/// Docker's defaults: every group may ping, port 80 needs no capability.
const SYSCTLS: [(&str, &str); 2] = [
    ("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"),
    ("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"),
];
/// New links are born with IPv6 off unless their network has it, and never listen to router advertisements: a link that is
/// up for an instant with both on is enough for an attacker beside it (CVE-2020-13401, CVE-2024-32473).
const IPV6_DEFAULT: &str = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
const ACCEPT_RA_DEFAULT: &str = "/proc/sys/net/ipv6/conf/default/accept_ra";

/// A network namespace, with a way to configure it.
///
/// It lives as long as this or any process in it does: drop this when the container has ended, or its links stay.
#[derive(Debug)]
pub struct Netns {
    fd: OwnedFd,
    inside: Mutex<Inside>,
}

/// What was opened inside the namespace and works from outside.
#[derive(Debug)]
pub(crate) struct Inside {
    /// Its links, addresses and routes.
    pub(crate) route: Socket,
    /// Whether links made from now on have IPv6 disabled; absent if the kernel has no IPv6.
    ipv6_off: Option<File>,
    /// Index the next link can have, if that is known.
    pub(crate) next_index: Option<u32>,
}

impl Netns {
    /// A namespace that exists: `fd` is an open `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// If `fd` is not a network namespace or may not be entered.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        let inside = std::thread::scope(|scope| {
            scope.spawn(|| enter(fd.as_fd()).and_then(|()| Inside::here(None))).join().unwrap_or_else(
                |panic| {
                    std::panic::resume_unwind(panic);
                },
            )
        })?;
        Ok(Self { fd, inside: Mutex::new(inside) })
    }

    /// A namespace that somebody else has just made (with a user namespace, say, that it belongs to), set up as those made
    /// here.
    ///
    /// # Errors
    /// As [`Netns::from_fd`], and if the kernel refuses a setting.
    pub fn furnish(fd: OwnedFd) -> Result<Self> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| enter(fd.as_fd()).and_then(|()| Self::set_up()));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The namespace's descriptor without the rest: give it to the shim.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// What was opened inside.
    pub(crate) fn inside(&self) -> parking_lot::MutexGuard<'_, Inside> {
        self.inside.lock()
    }

    /// Makes one, on a thread that may be spoilt: it is left in the new namespace.
    fn make() -> Result<Self> {
        unshare_network()?;
        Self::set_up()
    }

    /// Sets the calling thread's namespace up, which is new.
    fn set_up() -> Result<Self> {
        for (path, value) in SYSCTLS {
            std::fs::write(path, value).context(|| format!("write {path}"))?;
        }
        let mut inside = Inside::here(Some(FIRST_INDEX))?;
        let mut batch = Encoder::new();
        route::link_up(&mut batch, LOOPBACK_INDEX);
        inside.route.run(batch, || "set loopback up".to_owned())?;
        if inside.ipv6_off.is_some() {
            std::fs::write(ACCEPT_RA_DEFAULT, "0").context(|| format!("write {ACCEPT_RA_DEFAULT}"))?;
        }
        let fd = current()?;
        Ok(Self { fd, inside: Mutex::new(inside) })
    }
}

impl Inside {
    fn here(next_index: Option<u32>) -> Result<Self> {
        let ipv6_off = match File::options().write(true).open(IPV6_DEFAULT) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).context(|| format!("open {IPV6_DEFAULT}")),
        };
        Ok(Self { route: Socket::route()?, ipv6_off, next_index })
    }

    /// Sets whether links made from now on have IPv6.
    pub(crate) fn set_ipv6(&self, on: bool) -> Result<()> {
        let Some(file) = &self.ipv6_off else { return Ok(()) };
        file.write_all_at(if on { b"0" } else { b"1" }, 0).context(|| format!("write {IPV6_DEFAULT}"))
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The calling thread's network namespace.
pub(crate) fn current() -> Result<OwnedFd> {
    let path = "/proc/thread-self/ns/net";
    Ok(File::open(path).context(|| format!("open {path}"))?.into())
}

/// Moves the calling thread into a network namespace.
pub(crate) fn enter(netns: BorrowedFd<'_>) -> Result<()> {
    move_into_link_name_space(netns, Some(LinkNameSpaceType::Network))
        .map_err(std::io::Error::from)
        .context(|| "enter a network namespace")
}

#[expect(deprecated, reason = "unsafe only with CLONE_FILES, which is not asked for here")]
fn unshare_network() -> Result<()> {
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNET)
        .map_err(std::io::Error::from)
        .context(|| "make a network namespace")
}

/// Ready namespaces and the thread that makes them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    maker: Option<JoinHandle<()>>,
}

struct Shared {
    wanted: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Netns>,
    stop: bool,
    /// Making one failed; not tried again until somebody asks.
    failed: bool,
}

impl Pool {
    /// Starts to keep `wanted` namespaces ready.
    pub(crate) fn start(wanted: usize) -> Result<Self> {
        let shared = Arc::new(Shared { wanted, state: Mutex::default(), changed: Condvar::new() });
        let home = current()?;
        let of_maker = Arc::clone(&shared);
        let maker = std::thread::Builder::new()
            .name("netns-pool".to_owned())
            .spawn(move || of_maker.keep_full(home.as_fd()))
            .context(|| "start the thread that makes network namespaces")?;
        Ok(Self { shared, maker: Some(maker) })
    }

    /// Takes a ready one, or makes one if there is none. It is not replaced before [`Pool::refill`].
    pub(crate) fn take(&self) -> Result<Netns> {
        let ready = self.shared.state.lock().ready.pop_front();
        match ready {
            Some(netns) => Ok(netns),
            None => std::thread::scope(|scope| {
                scope.spawn(Netns::make).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }),
        }
    }

    /// Has the pool filled up.
    pub(crate) fn refill(&self) {
        let mut state = self.shared.state.lock();
        if state.ready.len() < self.shared.wanted {
            state.failed = false;
            self.shared.changed.notify_all();
        }
    }

    /// Waits until the pool is full (or has failed to become so).
    #[cfg(test)]
    pub(crate) fn wait_full(&self) {
        let mut state = self.shared.state.lock();
        while state.ready.len() < self.shared.wanted && !state.failed {
            self.shared.changed.wait(&mut state);
        }
    }
}

impl Shared {
    fn keep_full(&self, home: BorrowedFd<'_>) {
        let mut state = self.state.lock();
        loop {
            while !state.stop && (state.failed || state.ready.len() >= self.wanted) {
                self.changed.wait(&mut state);
            }
            if state.stop {
                return;
            }
            drop(state);
            let made = Netns::make();
            // A thread that stayed inside would keep the namespace alive after its container.
            let left = enter(home);
            state = self.state.lock();
            match (made, left) {
                (Ok(netns), Ok(())) => state.ready.push_back(netns),
                (Err(_), Ok(())) => state.failed = true,
                (_, Err(_)) => return,
            }
            self.changed.notify_all();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.lock().stop = true;
        self.shared.changed.notify_all();
        if let Some(maker) = self.maker.take() {
            let _ = maker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inode(fd: BorrowedFd<'_>) -> u64 {
        rustix::fs::fstat(fd).unwrap().st_ino
    }

    #[test]
    fn the_pool_refills_and_never_gives_one_twice() {
        let pool = Pool::start(2).unwrap();
        let home = inode(current().unwrap().as_fd());
        let taken: Vec<Netns> = (0..5)
            .map(|_| {
                pool.refill();
                pool.wait_full();
                pool.take().unwrap()
            })
            .collect();
        let mut inodes: Vec<u64> = taken.iter().map(|netns| inode(netns.as_fd())).collect();
        inodes.push(home);
        inodes.sort_unstable();
        inodes.dedup();
        assert_eq!(inodes.len(), 6);
        // The thread that makes them stays where it was.
        assert_eq!(inode(current().unwrap().as_fd()), home);
    }

    #[test]
    fn an_empty_pool_makes_one_when_asked() {
        let pool = Pool::start(0).unwrap();
        let netns = pool.take().unwrap();
        let links = route::links(&mut netns.inside().route).unwrap();
        assert_eq!(
            links.iter().map(|link| (link.name.as_str(), link.up)).collect::<Vec<_>>(),
            [("lo", true)]
        );
    }

    #[test]
    fn a_descriptor_that_is_no_namespace_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert!(Netns::from_fd(file.into()).is_err());
        assert!(Netns::from_fd(current().unwrap()).is_ok());
    }
}
