//! An open way to a receiver: sends batches and knows when they have been taken over.
//!
//! All sockets are non-blocking, and every wait also ends when the order to stop comes.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

use logs::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustls::ClientConnection;

use crate::batch::Batch;

/// How long an acknowledgement of the receiver is waited for before its connection is given up.
const ACK: Duration = Duration::from_secs(60);
/// The longest pause between two looks whether all has been taken over.
const LOOK: Duration = Duration::from_millis(100);
/// Acknowledgements are short.
const ACK_MAX: usize = 4096;

/// A connection.
#[derive(Debug)]
pub(crate) enum Link {
    Tcp(TcpStream),
    Tls(Box<(ClientConnection, TcpStream)>),
    Unix(UnixStream),
    Udp(UdpSocket),
    UnixGram(UnixDatagram),
    /// journald's socket: what is too large for a datagram goes as a sealed memfd.
    Journal(UnixDatagram),
}

/// The order to stop has come.
#[derive(Debug)]
pub(crate) struct Cancelled;

/// What sending has come to.
pub(crate) type Sent = io::Result<Result<(), Cancelled>>;

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Tls(tls) => tls.1.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
            Self::UnixGram(socket) | Self::Journal(socket) => socket.as_fd(),
        }
    }
}

impl Link {
    /// Makes the socket non-blocking; TLS is agreed on with the first bytes.
    pub(crate) fn ready(self) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(self.as_fd(), true)?;
        if let Self::Tcp(socket) = &self {
            socket.set_nodelay(true)?;
        }
        Ok(self)
    }

    /// Whether the other end has closed the connection since it was last used.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Tls(_) | Self::Unix(_) => {
                let mut byte = [0];
                let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
                match rustix::net::recv(self.as_fd(), &mut byte, flags) {
                    Ok((read, _)) => read == 0,
                    Err(error) => error != Errno::AGAIN && error != Errno::INTR,
                }
            }
            _ => false,
        }
    }

    /// Sends all of the batch and waits until it has been taken over.
    pub(crate) fn send(&mut self, batch: &Batch, cancelled: &Signal) -> Sent {
        let sent = match self {
            Self::Tcp(_) | Self::Unix(_) => self.stream(&batch.bytes, cancelled)?,
            Self::Tls(_) => self.tls(&batch.bytes, cancelled)?,
            Self::Udp(_) | Self::UnixGram(_) | Self::Journal(_) => self.datagrams(batch, cancelled)?,
        };
        if sent.is_err() {
            return Ok(sent);
        }
        if batch.acks.is_empty() { self.settle(cancelled) } else { self.acknowledged(&batch.acks, cancelled) }
    }

    fn stream(&self, mut bytes: &[u8], cancelled: &Signal) -> Sent {
        let flags = rustix::net::SendFlags::NOSIGNAL;
        while !bytes.is_empty() {
            match rustix::net::send(self.as_fd(), bytes, flags) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::AGAIN) => {
                    if self.wait(PollFlags::OUT, None, cancelled)?.is_err() {
                        return Ok(Err(Cancelled));
                    }
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Ok(()))
    }

    fn tls(&mut self, mut bytes: &[u8], cancelled: &Signal) -> Sent {
        loop {
            let Self::Tls(tls) = self else { return Ok(Ok(())) };
            let (connection, socket) = &mut **tls;
            if !bytes.is_empty() && !connection.is_handshaking() {
                let taken = connection.writer().write(bytes)?;
                bytes = &bytes[taken..];
            }
            let wants_read = connection.is_handshaking() && connection.wants_read();
            let done = bytes.is_empty() && !connection.wants_write() && !connection.is_handshaking();
            if done {
                return Ok(Ok(()));
            }
            if connection.wants_write() {
                match connection.write_tls(socket) {
                    Ok(_) => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            } else if wants_read {
                match connection.read_tls(socket) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(_) => {
                        connection.process_new_packets().map_err(io::Error::other)?;
                        continue;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            } else {
                continue;
            }
            let flags = if wants_read { PollFlags::IN } else { PollFlags::OUT };
            if self.wait(flags, None, cancelled)?.is_err() {
                return Ok(Err(Cancelled));
            }
        }
    }

    fn datagrams(&self, batch: &Batch, cancelled: &Signal) -> Sent {
        for packet in batch.packets() {
            loop {
                match rustix::net::send(self.as_fd(), packet, rustix::net::SendFlags::NOSIGNAL) {
                    Ok(_) => break,
                    Err(Errno::AGAIN | Errno::NOBUFS) => {
                        if self.wait(PollFlags::OUT, None, cancelled)?.is_err() {
                            return Ok(Err(Cancelled));
                        }
                    }
                    Err(Errno::INTR) => {}
                    Err(Errno::MSGSIZE) if matches!(self, Self::Journal(_)) => {
                        self.in_memfd(packet)?;
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(Ok(()))
    }

    /// A large entry of the journal.
    fn in_memfd(&self, packet: &[u8]) -> io::Result<()> {
        let memfd = memfd_create(c"journal-entry", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut file = std::fs::File::from(memfd);
        file.write_all(packet)?;
        sys::fd::seal(&file)?;
        sys::socket::send(self.as_fd(), &[], &[file.as_fd()]).map_err(io::Error::other)?;
        Ok(())
    }

    /// Waits until the other side has everything: its kernel on a network, the receiver itself on this machine. A
    /// connection that broke tells so here.
    fn settle(&self, cancelled: &Signal) -> Sent {
        let mut pause = Duration::from_millis(1);
        loop {
            if let Err(error) = rustix::net::sockopt::socket_error(self.as_fd())? {
                return Err(error.into());
            }
            if !sys::socket::has_unread(self.as_fd()).map_err(io::Error::other)? {
                return Ok(Ok(()));
            }
            if self.is_closed() {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            // Nothing tells when a socket's queue is empty.
            if self.wait(PollFlags::empty(), Some(pause), cancelled)?.is_err() {
                return Ok(Err(Cancelled));
            }
            pause = (pause * 2).min(LOOK);
        }
    }

    /// Reads the receiver's word for each of the messages, in any order: `{"ack": id}`.
    fn acknowledged(&mut self, wanted: &[String], cancelled: &Signal) -> Sent {
        let deadline = Instant::now() + ACK;
        let mut answer: Vec<u8> = Vec::new();
        loop {
            // The identifiers are random and of one length: none is found by chance.
            if wanted.iter().all(|id| contains(&answer, id.as_bytes())) {
                return Ok(Ok(()));
            }
            let mut buffer = [0; ACK_MAX];
            let read = match self {
                Self::Tcp(socket) => socket.read(&mut buffer),
                Self::Unix(socket) => socket.read(&mut buffer),
                Self::Tls(tls) => {
                    let (connection, socket) = &mut **tls;
                    match connection.read_tls(socket) {
                        Ok(0) => Ok(0),
                        Ok(_) => {
                            connection.process_new_packets().map_err(io::Error::other)?;
                            connection.reader().read(&mut buffer)
                        }
                        Err(error) => Err(error),
                    }
                }
                _ => return Ok(Ok(())),
            };
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    answer.extend_from_slice(&buffer[..read]);
                    if answer.len() > wanted.len() * ACK_MAX {
                        return Err(io::Error::other("fluentd: an answer that acknowledges nothing"));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    if self.wait(PollFlags::IN, Some(left), cancelled)?.is_err() {
                        return Ok(Err(Cancelled));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn wait(&self, flags: PollFlags, time: Option<Duration>, cancelled: &Signal) -> Sent {
        let mut fds = [PollFd::new(self, flags), PollFd::new(cancelled, PollFlags::IN)];
        // Without events asked for, only the order to stop counts: an error of the socket would end the wait at once.
        let fds = if flags.is_empty() { &mut fds[1..] } else { &mut fds[..] };
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        match poll(fds, time.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(if cancelled.is_set() { Err(Cancelled) } else { Ok(()) })
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
