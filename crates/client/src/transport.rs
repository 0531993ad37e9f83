//! Byte streams to an engine: a Unix socket, TCP, TCP with TLS, or the standard streams of an `ssh` process.
//!
//! Invariant: everything above this module sees one blocking duplex [`Stream`], whatever it runs on. `ssh` is a child
//! process on one end of a socket pair, so it is a Unix stream too, but for what it says when it fails. TLS cannot be split between a reading and a writing
//! thread, so a hijacked TLS connection is turned into a socket pair with a pump behind it ([`Stream::into_duplex`]).

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use crate::endpoint::Endpoint;
use crate::ssh::SshStream;
use crate::{resolve, tls};

/// A blocking connection to the engine.
pub(crate) enum Stream {
    /// A Unix socket, or one end of a socket pair.
    Unix(UnixStream),
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<tls::TlsStream>),
    /// The standard streams of `ssh`.
    Ssh(Box<SshStream>),
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
            Endpoint::Ssh(ssh) => SshStream::start(ssh).map(|stream| Stream::Ssh(Box::new(stream))),
        }
    }

    /// The same connection as a descriptor that two threads can use at once, one reading, one writing.
    pub(crate) fn into_duplex(self) -> io::Result<OwnedFd> {
        match self {
            Stream::Unix(stream) => Ok(stream.into()),
            Stream::Tcp(stream) => Ok(stream.into()),
            Stream::Ssh(stream) => Ok(stream.into_socket().into()),
            Stream::Tls(stream) => {
                let (ours, theirs) = UnixStream::pair()?;
                std::thread::Builder::new().name("tls".into()).spawn(move || tls::pump(*stream, theirs))?;
                Ok(ours.into())
            }
        }
    }
}

fn connect_tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(resolve::addresses(address)?.as_slice())?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Tls(stream) => tls::read(stream, buffer),
            Stream::Ssh(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Tls(stream) => stream.write(bytes),
            Stream::Ssh(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.flush(),
            Stream::Tcp(stream) => stream.flush(),
            Stream::Tls(stream) => stream.flush(),
            Stream::Ssh(stream) => stream.flush(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Unix(stream) => stream.as_fd(),
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Tls(stream) => stream.sock.as_fd(),
            Stream::Ssh(stream) => stream.as_fd(),
        }
    }
}
