//! The sockets that hold published ports.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, ipproto};

use super::Protocol;
use crate::limits::RELAY_BACKLOG;

/// Whether this host has IPv6 at all: it can be left out of the kernel, or off from boot.
pub(crate) fn has_ipv6() -> bool {
    bind(Protocol::Udp, SocketAddr::from(([0_u16; 8], 0))).is_ok()
}

/// Binds a socket to a host port, so that no other program can have it. `None` for SCTP where this kernel has no sockets of
/// it (its module is not there): then no program can have the port either, and packets are rewritten all the same.
pub(crate) fn bind(protocol: Protocol, host: SocketAddr) -> Result<Option<OwnedFd>, Errno> {
    let family = if host.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let (kind, number) = match protocol {
        Protocol::Tcp => (SocketType::STREAM, ipproto::TCP),
        Protocol::Udp => (SocketType::DGRAM, ipproto::UDP),
        Protocol::Sctp => (SocketType::STREAM, ipproto::SCTP),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = match net::socket_with(family, kind, flags, Some(number)) {
        Ok(fd) => fd,
        Err(Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT) if protocol == Protocol::Sctp => return Ok(None),
        Err(errno) => return Err(errno),
    };
    if host.is_ipv6() {
        net::sockopt::set_ipv6_v6only(&fd, true)?;
    }
    if protocol != Protocol::Udp {
        // Without it connections of an earlier holder, in TIME_WAIT, would block the port for a minute. It does not let
        // two programs listen.
        net::sockopt::set_socket_reuseaddr(&fd, true)?;
    }
    net::bind(&fd, &host)?;
    if protocol != Protocol::Udp {
        net::listen(&fd, RELAY_BACKLOG)?;
    }
    Ok(Some(fd))
}

/// The errors of binding, in Go's words, which Docker prints.
pub(crate) fn describe(errno: Errno) -> String {
    match errno {
        Errno::ADDRINUSE => "address already in use".to_owned(),
        Errno::ADDRNOTAVAIL => "cannot assign requested address".to_owned(),
        Errno::ACCESS => "permission denied".to_owned(),
        Errno::MFILE => "too many open files".to_owned(),
        other => std::io::Error::from(other).to_string(),
    }
}
