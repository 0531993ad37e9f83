//! One relayed connection: two sockets and a pipe for each direction.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::sockopt::{self, set_tcp_nodelay};
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, connect, shutdown, socket_with};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};

use crate::supervisor::poller::Watched;

/// Bytes moved at a time: what a pipe holds.
const PIECE: usize = 64 * 1024;
/// Moves in one direction before others get their turn.
const TURN: usize = 16;

/// A connection.
#[derive(Debug)]
pub(super) struct Relay {
    client: Watched,
    server: Watched,
    connecting: bool,
    up: Direction,
    down: Direction,
}

/// One direction of it.
#[derive(Debug)]
struct Direction {
    reader: OwnedFd,
    writer: OwnedFd,
    /// Bytes in the pipe. New ones are only taken when there are none: a pipe can be full of small pieces long before
    /// it holds as many bytes as it could.
    held: usize,
    /// The source has ended, and the sink has been told.
    ended: bool,
    told: bool,
}

impl Direction {
    fn new() -> Result<Self, Errno> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Self { reader, writer, held: 0, ended: false, told: false })
    }

    /// Moves what can be moved.
    fn go_on(&mut self, source: &Watched, sink: &Watched) -> Result<(), Errno> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        for _ in 0..TURN {
            if self.held == 0 && !self.ended {
                match splice(source, None, &self.writer, None, PIECE, flags) {
                    Ok(0) => self.ended = true,
                    Ok(moved) => self.held = moved,
                    Err(Errno::AGAIN) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            while self.held > 0 {
                match splice(&self.reader, None, sink, None, self.held, flags) {
                    Ok(moved) => self.held -= moved,
                    Err(Errno::AGAIN) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            if self.ended {
                if !self.told {
                    self.told = true;
                    shutdown(sink, Shutdown::Write)?;
                }
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Relay {
    /// Begins to connect to the target.
    pub(super) fn begin(
        mut client: Watched,
        target: SocketAddr,
        watch: impl FnOnce(OwnedFd) -> Watched,
    ) -> Result<Self, Errno> {
        let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        // Both ends decide themselves when to send; holding small pieces back here would only add delay.
        set_tcp_nodelay(&socket, true)?;
        set_tcp_nodelay(&client, true)?;
        match connect(&socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let mut server = watch(socket);
        server.want(Some(EventFlags::OUT));
        // Only its disappearance is of interest until there is somebody to talk to.
        client.want(Some(EventFlags::empty()));
        Ok(Self { client, server, connecting: true, up: Direction::new()?, down: Direction::new()? })
    }

    /// Goes on as far as possible; `false`: it is over.
    pub(super) fn go_on(&mut self, flags: EventFlags) -> bool {
        if self.connecting {
            if flags.contains(EventFlags::HUP) || !matches!(sockopt::socket_error(&self.server), Ok(Ok(()))) {
                return false;
            }
            if !flags.contains(EventFlags::OUT) {
                return true;
            }
            self.connecting = false;
        }
        let moved = self
            .up
            .go_on(&self.client, &self.server)
            .and_then(|()| self.down.go_on(&self.server, &self.client));
        if moved.is_err() || (self.up.told && self.down.told) {
            return false;
        }
        watch(&mut self.client, &self.up, &self.down);
        watch(&mut self.server, &self.down, &self.up);
        true
    }
}

/// Watches a socket that is the source of one direction and the sink of the other.
fn watch(socket: &mut Watched, source_of: &Direction, sink_of: &Direction) {
    let mut flags = EventFlags::empty();
    if source_of.held == 0 && !source_of.ended {
        flags |= EventFlags::IN;
    }
    if sink_of.held > 0 {
        flags |= EventFlags::OUT;
    }
    // A socket that has been closed in both directions would report its hang-up for ever; what is left to do then
    // depends on the other one.
    socket.want((!flags.is_empty()).then_some(flags));
}
