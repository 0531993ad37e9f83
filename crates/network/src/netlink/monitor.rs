//! Hearing of changes of the nftables ruleset.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use errdefs::{Context, Result};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::{Messages, RECEIVE_BUFFER, attribute, nftables};

/// Multicast group 7 of netfilter, as a bit.
const GROUP_NFTABLES: u32 = 1 << 6;

/// A socket that is told of every change of the ruleset of the namespace it was opened in.
#[derive(Debug)]
pub(crate) struct Monitor {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Events {
    /// The table may have been deleted.
    Deleted,
    /// Nothing of interest.
    Other,
}

impl Monitor {
    /// Begins to listen.
    pub(crate) fn nftables() -> Result<Self> {
        let open = || {
            let kind = SocketType::RAW;
            let fd = net::socket_with(
                AddressFamily::NETLINK,
                kind,
                SocketFlags::CLOEXEC,
                Some(net::netlink::NETFILTER),
            )?;
            net::bind(&fd, &SocketAddrNetlink::new(0, GROUP_NFTABLES))?;
            Ok(fd)
        };
        let fd =
            open().map_err(|errno: Errno| std::io::Error::from(errno)).context(|| "listen to nftables")?;
        Ok(Self { fd, buffer: vec![0; RECEIVE_BUFFER] })
    }

    /// Reads one batch of news about the table of this name; waits if there is none.
    pub(crate) fn read(&mut self, table: &str) -> Result<Events> {
        let length = match net::recv(&self.fd, &mut self.buffer[..], RecvFlags::empty()) {
            Ok((length, _)) => length,
            Err(Errno::INTR) => return Ok(Events::Other),
            // More has happened than was kept for us.
            Err(Errno::NOBUFS) => return Ok(Events::Deleted),
            Err(errno) => return Err(std::io::Error::from(errno)).context(|| "read news of nftables"),
        };
        for message in Messages::new(&self.buffer[..length]) {
            let message = message?;
            if message.kind != nftables::DELTABLE {
                continue;
            }
            let attributes = attribute::parse(message.payload.get(4..).unwrap_or_default())?;
            let name = attribute::find(&attributes, 1).and_then(attribute::text);
            if name == Some(table) {
                return Ok(Events::Deleted);
            }
        }
        Ok(Events::Other)
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
