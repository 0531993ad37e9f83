//! Published ports: what is asked for, what was given, and the sockets that hold them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::str::FromStr;

use errdefs::Result;

/// A transport protocol that ports can be published for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// `tcp`, `udp` or `sctp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = errdefs::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            _ => Err(errdefs::invalid(format!("invalid protocol: {text}"))),
        }
    }
}

/// One published port of a container, as asked for: an entry of the API's `PortBindings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRequest {
    /// Port in the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Host address; none means the configured default (0.0.0.0 and [::]).
    pub host_ip: Option<IpAddr>,
    /// First and last host port to choose from; none means any free one of the ephemeral range.
    pub host_ports: Option<(u16, u16)>,
}

impl PortRequest {
    /// Reads one entry of `PortBindings`: `container` is `"80/tcp"` (protocol defaults to tcp), `host_ip` an address
    /// or empty, `host_port` is empty, `"8080"` or `"8000-8010"`.
    ///
    /// # Errors
    /// Docker's texts (`invalid port specification: "x"`...), class InvalidParameter.
    pub fn parse(_container: &str, _host_ip: &str, _host_port: &str) -> Result<Self> {
        todo!("parse a port binding")
    }
}

/// A port that was given: where the host listens and where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortBinding {
    /// Port in the container.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Address and port on the host. A binding to all addresses has one entry for 0.0.0.0 and one for [::].
    pub host: SocketAddr,
}

/// A socket that holds a published port for as long as its container lives. Give it to the container's shim.
///
/// TCP sockets listen. Traffic normally never reaches them, because nftables rewrites it before; what does
/// (::1, IPv6 for a container without IPv6) is to be relayed to [`PortSocket::target`] by their holder.
#[derive(Debug)]
pub struct PortSocket {
    /// The bound socket, close-on-exec, non-blocking.
    pub fd: OwnedFd,
    /// Its protocol.
    pub protocol: Protocol,
    /// Where it is bound.
    pub host: SocketAddr,
    /// Address and port of the container, reachable from the host's network namespace.
    pub target: SocketAddr,
}
