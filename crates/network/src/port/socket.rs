//! The sockets that hold published ports.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, ipproto};

use super::Protocol;
use crate::limits::RELAY_BACKLOG;

/// Binds a socket to a host port, so that no other program can have it. `None` where this kernel has no sockets of the
/// protocol (SCTP without its module) or no IPv6: then no program can have the port either.
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
        Err(Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT) => return Ok(None),
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
    match net::bind(&fd, &host) {
        // All IPv6 is switched off on this host.
        Err(Errno::ADDRNOTAVAIL) if host.is_ipv6() && host.ip().is_unspecified() => return Ok(None),
        bound => bound?,
    }
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
