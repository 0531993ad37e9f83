//! Where a remote driver sends to, and the first look whether somebody is there.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

/// How long a connection may take to come about.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// An endpoint of a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// `host:port`, connected.
    Tcp(String),
    /// `host:port`, connected, with TLS.
    Tls(String),
    /// `host:port`, datagrams.
    Udp(String),
    /// A stream socket.
    Unix(PathBuf),
    /// A datagram socket.
    UnixGram(PathBuf),
}

/// Splits `host[:port]` with brackets around IPv6 addresses; the port's text may be missing.
pub(crate) fn host_port(text: &str) -> (&str, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[')
        && let Some((host, rest)) = rest.split_once(']')
    {
        return (host, rest.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// The addresses of `host:port`; the error is in the words of Go's `net`.
pub(crate) fn resolve(network: &str, host_and_port: &str) -> io::Result<Vec<SocketAddr>> {
    let (host, port) = host_port(host_and_port);
    let port: u16 = port
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| io::Error::other(format!("dial {network}: address {host_and_port}: invalid port")))?;
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let found: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(|_| io::Error::other(format!("dial {network}: lookup {host}: no such host")))?
        .collect();
    if found.is_empty() {
        return Err(io::Error::other(format!("dial {network}: lookup {host}: no such host")));
    }
    Ok(found)
}

/// Connects by TCP to the first address that answers.
pub(crate) fn tcp(host_and_port: &str) -> io::Result<TcpStream> {
    let mut last = None;
    for address in resolve("tcp", host_and_port)? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(dial("tcp", &address.to_string(), &error)),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

/// Go's words for a connection that did not come about.
pub(crate) fn dial(network: &str, address: &str, error: &io::Error) -> io::Error {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "i/o timeout".to_owned(),
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        io::ErrorKind::NotFound => "connect: no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "connect: permission denied".to_owned(),
        _ => format!("connect: {error}"),
    };
    io::Error::new(error.kind(), format!("dial {network} {address}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        assert_eq!(host_port("a:1"), ("a", Some("1")));
        assert_eq!(host_port("a"), ("a", None));
        assert_eq!(host_port("[::1]:5"), ("::1", Some("5")));
        assert_eq!(host_port("::1"), ("::1", None));
    }

    #[test]
    fn failures_are_told_in_gos_words() {
        let error = tcp("127.0.0.1:1").unwrap_err();
        assert_eq!(error.to_string(), "dial tcp 127.0.0.1:1: connect: connection refused");
    }
}
