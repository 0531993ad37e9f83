//! One UDP peer of a port: a socket of its own towards the container, so that answers find their way back.

use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, recvfrom, send, sendto,
    socket_with,
};

use crate::supervisor::poller::Watched;

/// The largest datagram.
pub(super) const DATAGRAM_MAX: usize = 65_535;
/// A peer silent for so long is forgotten: Docker's figure.
pub(super) const SILENCE: Duration = Duration::from_secs(90);

/// A peer.
#[derive(Debug)]
pub(super) struct Flow {
    port: usize,
    peer: SocketAddr,
    socket: Watched,
    last: Instant,
}

impl Flow {
    /// A new peer's way to the target.
    pub(super) fn begin(
        port: usize,
        peer: SocketAddr,
        target: SocketAddr,
        watch: impl FnOnce(OwnedFd) -> Watched,
    ) -> Result<Self, Errno> {
        let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket =
            socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
        connect(&socket, &target)?;
        let mut socket = watch(socket);
        socket.want(Some(EventFlags::IN));
        Ok(Self { port, peer, socket, last: Instant::now() })
    }

    /// Whether this is that peer of that port.
    pub(super) fn is(&self, port: usize, peer: SocketAddr) -> bool {
        self.port == port && self.peer == peer
    }

    /// The port.
    pub(super) fn port(&self) -> usize {
        self.port
    }

    /// When something last went through.
    pub(super) fn last(&self) -> Instant {
        self.last
    }

    /// Sends a datagram to the container; one that cannot be sent is lost, as datagrams are.
    pub(super) fn pass_on(&mut self, datagram: &[u8]) {
        self.last = Instant::now();
        let _ = send(&self.socket, datagram, SendFlags::NOSIGNAL);
    }

    /// Takes one answer of the container and sends it to the peer; `false`: there is none.
    pub(super) fn answer(&mut self, port: &Watched, space: &mut [u8]) -> bool {
        match recv(&self.socket, &mut *space, RecvFlags::DONTWAIT) {
            Ok((len, _)) => {
                self.last = Instant::now();
                let _ = sendto(port, &space[..len], SendFlags::NOSIGNAL, &self.peer);
                true
            }
            // Nobody listens in the container: the error has been taken off the socket by asking.
            Err(Errno::CONNREFUSED) => true,
            Err(_) => false,
        }
    }
}

/// One datagram and who sent it.
pub(super) fn receive(port: &Watched, space: &mut [u8]) -> Option<(usize, SocketAddr)> {
    match recvfrom(port.as_fd(), &mut *space, RecvFlags::DONTWAIT) {
        Ok((len, _, Some(peer))) => Some((len, SocketAddr::try_from(peer).ok()?)),
        _ => None,
    }
}
