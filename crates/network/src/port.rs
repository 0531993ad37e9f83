//! Published ports: what is asked for, what was given, and the sockets that hold them.

pub(crate) mod socket;
pub(crate) mod table;

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
    pub fn parse(container: &str, host_ip: &str, host_port: &str) -> Result<Self> {
        let (port, protocol) = container.split_once('/').unwrap_or((container, "tcp"));
        let container_port = number(port)?;
        let host_ip = match host_ip {
            "" => None,
            ip => Some(ip.parse().map_err(|_| errdefs::invalid(format!("invalid IP address: {ip}")))?),
        };
        let host_ports = match host_port {
            "" | "0" => None,
            range => {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let wrong = |_| errdefs::invalid(format!("invalid port specification: {range:?}"));
                let (first, last) = (number(first).map_err(wrong)?, number(last).map_err(wrong)?);
                if first > last || first == 0 {
                    return Err(errdefs::invalid(format!("invalid port specification: {range:?}")));
                }
                Some((first, last))
            }
        };
        Ok(Self { container_port, protocol: protocol.parse()?, host_ip, host_ports })
    }
}

fn number(text: &str) -> Result<u16> {
    let wrong = || errdefs::invalid(format!("invalid port specification: {text:?}"));
    // `parse` alone would take a sign.
    if text.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_bindings_are_read_as_docker_reads_them() {
        type Parsed<'a> = Result<(u16, Protocol, Option<(u16, u16)>), &'a str>;
        let check = |container: &str, ip: &str, host: &str, expected: Parsed<'_>| {
            let parsed = PortRequest::parse(container, ip, host);
            let parsed =
                parsed.map(|r| (r.container_port, r.protocol, r.host_ports)).map_err(|e| e.to_string());
            assert_eq!(parsed, expected.map_err(str::to_owned), "{container} {ip} {host}");
        };
        check("80/tcp", "", "8080", Ok((80, Protocol::Tcp, Some((8080, 8080)))));
        check("80", "127.0.0.1", "", Ok((80, Protocol::Tcp, None)));
        check("53/UDP", "::1", "0", Ok((53, Protocol::Udp, None)));
        check("80/sctp", "", "8000-8010", Ok((80, Protocol::Sctp, Some((8000, 8010)))));
        check("80/tcp", "", "8010-8000", Err(r#"invalid port specification: "8010-8000""#));
        check("80/tcp", "", "x", Err(r#"invalid port specification: "x""#));
        check("80/tcp", "", "+80", Err(r#"invalid port specification: "+80""#));
        check("80/tcp", "", "65536", Err(r#"invalid port specification: "65536""#));
        check("99999/tcp", "", "", Err(r#"invalid port specification: "99999""#));
        check("80/foo", "", "", Err("invalid protocol: foo"));
        check("80/tcp", "localhost", "", Err("invalid IP address: localhost"));
    }
}
