//! Network namespaces for containers.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use errdefs::Result;

/// A network namespace, alive while this or any process in it is, with a way to configure it.
#[derive(Debug)]
pub struct Netns {
    fd: OwnedFd,
}

impl Netns {
    /// A namespace that exists: `fd` is an open `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// If `fd` is not a network namespace or may not be entered.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Ok(Self { fd })
    }

    /// The namespace's descriptor without the rest: give it to the shim.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
