//! Ports the shim relays itself.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Instant;

use errdefs::{Context as _, Result};
use rustix::event::epoll::EventFlags;

use super::poller::Poller;
use crate::PortProtocol;

/// The relays.
#[derive(Debug)]
pub(super) struct Forwards {
    listeners: Vec<(OwnedFd, PortProtocol, SocketAddr)>,
}

impl Forwards {
    pub(super) fn new(_poller: &Rc<Poller>, ports: Vec<(i32, PortProtocol, SocketAddr)>) -> Result<Self> {
        let listeners = ports
            .into_iter()
            .map(|(fd, protocol, target)| Ok((sys::fd::inherited(fd).context(|| "port")?, protocol, target)))
            .collect::<Result<_>>()?;
        Ok(Self { listeners })
    }

    pub(super) fn ready(&mut self, _place: usize, _flags: EventFlags) {}

    pub(super) fn expire(&mut self, _now: Instant) -> Option<Instant> {
        None
    }
}
