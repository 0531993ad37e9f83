//! Published ports whose traffic the firewall cannot redirect: relayed here, in the shim's own loop.
//!
//! Docker runs a process for each port and both protocols; here it is a descriptor in the epoll set. Connections are
//! spliced through pipes, so their bytes never come into this process. Everything ends with the container.
//!
//! Invariant: a relay that cannot go on is closed, a port that cannot take more waits; neither disturbs the container.

mod tcp;
mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Instant;

use errdefs::{Context as _, Result};
use rustix::event::epoll::EventFlags;
use rustix::net::{AddressFamily, SocketFlags, accept_with};

use super::place_for;
use super::poller::{Poller, Token, Watched};
use crate::PortProtocol;
use tcp::Relay;
use udp::Flow;

/// Connections of one container relayed at a time; each takes six descriptors of the shim's limit (20,000 mostly).
const RELAYS_MAX: usize = 2048;
/// UDP peers of one container remembered at a time.
const FLOWS_MAX: usize = 1024;
/// Connections and datagrams taken before others get their turn.
const TURN: usize = 32;

/// A port.
#[derive(Debug)]
struct Port {
    socket: Watched,
    protocol: PortProtocol,
    target: SocketAddr,
}

/// The ports and what goes on at them.
#[derive(Debug)]
pub(super) struct Forwards {
    poller: Rc<Poller>,
    ports: Vec<Port>,
    relays: Vec<Option<Relay>>,
    flows: Vec<Option<Flow>>,
    /// Connections wait in the kernel until one of ours ends.
    full: bool,
}

/// What a token's place stands for: its last two bits say which table the rest is a place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Port(usize),
    Client(usize),
    Server(usize),
    Flow(usize),
}

impl Place {
    fn token(self) -> Token {
        Token::Forward(match self {
            Self::Port(n) => n << 2,
            Self::Client(n) => n << 2 | 1,
            Self::Server(n) => n << 2 | 2,
            Self::Flow(n) => n << 2 | 3,
        })
    }

    fn of(place: usize) -> Self {
        let n = place >> 2;
        match place & 3 {
            0 => Self::Port(n),
            1 => Self::Client(n),
            2 => Self::Server(n),
            _ => Self::Flow(n),
        }
    }
}

impl Forwards {
    pub(super) fn new(poller: &Rc<Poller>, ports: Vec<(i32, PortProtocol, SocketAddr)>) -> Result<Self> {
        let mut forwards = Self {
            poller: poller.clone(),
            ports: Vec::with_capacity(ports.len()),
            relays: Vec::new(),
            flows: Vec::new(),
            full: false,
        };
        for (number, (fd, protocol, target)) in ports.into_iter().enumerate() {
            let socket = sys::fd::inherited(fd).context(|| "port socket")?;
            rustix::io::ioctl_fionbio(&socket, true).context(|| "port socket")?;
            let mut socket = Watched::new(poller, socket, Place::Port(number).token());
            socket.want(Some(EventFlags::IN));
            forwards.ports.push(Port { socket, protocol, target });
        }
        Ok(forwards)
    }

    /// Leads what comes from now on to other addresses of the container. Connections that are there stay where they are.
    pub(super) fn retarget(&mut self, ipv4: Option<Ipv4Addr>, ipv6: Option<Ipv6Addr>) {
        let (v4, v6) = (ipv4.map(IpAddr::V4), ipv6.map(IpAddr::V6));
        for port in &mut self.ports {
            let listens_on_v4 = rustix::net::getsockname(&port.socket)
                .is_ok_and(|address| address.address_family() == AddressFamily::INET);
            if let Some(ip) = if listens_on_v4 { v4.or(v6) } else { v6.or(v4) } {
                port.target.set_ip(ip);
            }
        }
        self.flows.iter_mut().for_each(|flow| *flow = None);
    }

    /// Closes every port and whatever goes on at it.
    pub(super) fn close(&mut self) {
        self.ports.clear();
        self.relays.clear();
        self.flows.clear();
    }

    /// Something can be done at this place.
    pub(super) fn ready(&mut self, place: usize, flags: EventFlags) {
        match Place::of(place) {
            Place::Port(port) => match self.ports.get(port).map(|port| port.protocol) {
                Some(PortProtocol::Tcp) => self.accept(port),
                Some(PortProtocol::Udp) => self.datagrams(port),
                None => {}
            },
            Place::Client(relay) | Place::Server(relay) => self.relay(relay, flags),
            Place::Flow(flow) => self.answers(flow),
        }
    }

    fn accept(&mut self, port: usize) {
        for _ in 0..TURN {
            let Some(Port { socket, target, .. }) = self.ports.get(port) else { return };
            if self.relays.iter().flatten().count() >= RELAYS_MAX {
                return self.set_full(true);
            }
            match accept_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(client) => {
                    let target = *target;
                    self.begin(client, target);
                }
                Err(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => return self.set_full(true),
                // Nothing more, or a connection that went away before it was taken.
                Err(_) => return,
            }
        }
    }

    fn begin(&mut self, client: OwnedFd, target: SocketAddr) {
        let place = place_for(&mut self.relays);
        let client = Watched::new(&self.poller, client, Place::Client(place).token());
        // A target that cannot be reached closes the client's connection, as if nobody listened.
        let relay = Relay::begin(client, target, |socket| {
            Watched::new(&self.poller, socket, Place::Server(place).token())
        });
        self.relays[place] = relay.ok();
    }

    fn relay(&mut self, place: usize, flags: EventFlags) {
        let Some(Some(relay)) = self.relays.get_mut(place) else { return };
        if !relay.go_on(flags) {
            self.relays[place] = None;
            if self.full {
                self.set_full(false);
            }
        }
    }

    /// Stops or resumes taking connections.
    fn set_full(&mut self, full: bool) {
        self.full = full;
        for port in self.ports.iter_mut().filter(|port| port.protocol == PortProtocol::Tcp) {
            port.socket.want((!full).then_some(EventFlags::IN));
        }
    }

    fn datagrams(&mut self, port: usize) {
        let mut datagram = [0; udp::DATAGRAM_MAX];
        for _ in 0..TURN {
            let Some(Port { socket, target, .. }) = self.ports.get(port) else { return };
            let Some((len, peer)) = udp::receive(socket, &mut datagram) else { return };
            let target = *target;
            if let Some(flow) = self.flow(port, peer, target) {
                flow.pass_on(&datagram[..len]);
            }
        }
    }

    /// The flow of this peer, made if it is new.
    fn flow(&mut self, port: usize, peer: SocketAddr, target: SocketAddr) -> Option<&mut Flow> {
        let known = |flow: &Option<Flow>| flow.as_ref().is_some_and(|flow| flow.is(port, peer));
        let place = match self.flows.iter().position(known) {
            Some(place) => place,
            None => {
                let place = self.free_flow();
                let token = Place::Flow(place).token();
                let flow =
                    Flow::begin(port, peer, target, |socket| Watched::new(&self.poller, socket, token));
                self.flows[place] = Some(flow.ok()?);
                place
            }
        };
        self.flows[place].as_mut()
    }

    /// A free place, the longest silent flow's if there are too many.
    fn free_flow(&mut self) -> usize {
        if self.flows.iter().flatten().count() < FLOWS_MAX {
            return place_for(&mut self.flows);
        }
        let silent = self.flows.iter().enumerate();
        silent.min_by_key(|(_, flow)| flow.as_ref().map(Flow::last)).map_or(0, |(place, _)| place)
    }

    fn answers(&mut self, flow: usize) {
        let mut datagram = [0; udp::DATAGRAM_MAX];
        for _ in 0..TURN {
            let Some(Some(flow)) = self.flows.get_mut(flow) else { return };
            let Some(port) = self.ports.get(flow.port()) else { return };
            if !flow.answer(&port.socket, &mut datagram) {
                return;
            }
        }
    }

    /// Forgets UDP peers that have been silent for too long; when to look again.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for flow in &mut self.flows {
            let Some(limit) = flow.as_ref().map(|flow| flow.last() + udp::SILENCE) else { continue };
            if limit <= now {
                *flow = None;
            } else {
                next = Some(next.map_or(limit, |next| next.min(limit)));
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_survive_packing() {
        for place in [Place::Port(0), Place::Client(5), Place::Server(5), Place::Flow(1023)] {
            let Token::Forward(packed) = place.token() else { panic!() };
            assert_eq!(Place::of(packed), place);
        }
    }
}
