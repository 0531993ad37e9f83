//! Byte streams to an engine: a Unix socket, TCP, TCP with TLS, or the standard streams of an `ssh` process.
//!
//! Invariant: everything above this module sees one blocking duplex [`Stream`], whatever it runs on. `ssh` is a child
//! process on one end of a socket pair, so it is a Unix stream too. TLS cannot be split between a reading and a writing
//! thread, so a hijacked TLS connection is turned into a socket pair with a pump behind it ([`Stream::into_duplex`]).

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::endpoint::{Endpoint, Ssh};
use crate::tls;

/// A blocking connection to the engine.
pub(crate) enum Stream {
    /// A Unix socket, or one end of a socket pair.
    Unix(UnixStream),
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<tls::TlsStream>),
}

impl Stream {
    /// Connects to `endpoint`.
    pub(crate) fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
            Endpoint::Tcp { address, tls: None } => connect_tcp(address).map(Stream::Tcp),
            Endpoint::Tcp { address, tls: Some(options) } => {
                let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                tls::connect(connect_tcp(address)?, host, options).map(|stream| Stream::Tls(Box::new(stream)))
            }
            Endpoint::Ssh(ssh) => spawn_ssh(ssh).map(Stream::Unix),
        }
    }

    /// The same connection as a descriptor that two threads can use at once, one reading, one writing.
    pub(crate) fn into_duplex(self) -> io::Result<OwnedFd> {
        match self {
            Stream::Unix(stream) => Ok(stream.into()),
            Stream::Tcp(stream) => Ok(stream.into()),
            Stream::Tls(stream) => {
                let (ours, theirs) = UnixStream::pair()?;
                std::thread::Builder::new().name("tls".into()).spawn(move || tls::pump(*stream, theirs))?;
                Ok(ours.into())
            }
        }
    }
}

fn connect_tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Starts `ssh HOST docker system dial-stdio`, which joins its standard streams to the engine's socket over there.
fn spawn_ssh(ssh: &Ssh) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new("ssh");
    if let Some(user) = &ssh.user {
        command.args(["-l", user]);
    }
    if let Some(port) = &ssh.port {
        command.args(["-p", port]);
    }
    command.args(["-o", "ConnectTimeout=30", "-T", "--", &ssh.host, "docker"]);
    if let Some(path) = &ssh.path {
        command.args(["--host", &format!("unix://{path}")]);
    }
    command.args(["system", "dial-stdio"]);
    let output = OwnedFd::from(theirs.try_clone()?);
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::from(output)).spawn()?;
    Ok(ours)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Tls(stream) => tls::read(stream, buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.flush(),
            Stream::Tcp(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Unix(stream) => stream.as_fd(),
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Tls(stream) => stream.sock.as_fd(),
        }
    }
}
