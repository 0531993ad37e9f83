//! Clients coming, typing, lagging and leaving.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;

use super::client::{Client, ClientStage};
use super::poller::{Token, Watched};
use super::{CHUNK, Supervisor, place_for};
use crate::{AttachOptions, Event};

/// How long a client may take to close its side after ours is closed; clients do it at once.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// How long a client may take nothing of what is left when its process has ended: somebody may be reading it in a pager.
/// The shim stays for that long, so not for ever.
const LINGER: Duration = Duration::from_secs(600);

impl Supervisor {
    /// Attaches a client to the process at `place`.
    pub(super) fn attach(&mut self, place: usize, socket: OwnedFd, options: &AttachOptions) {
        let client = place_for(&mut self.clients);
        let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return };
        let socket = Watched::new(&self.poller, socket, Token::Client(client));
        process.clients.push(client);
        self.clients[client] = Some(Client::new(socket, place, options, process.terminal));
        if options.stdin && !options.initial.is_empty() {
            self.typed(client, &options.initial);
        }
        self.watch_clients(place);
    }

    /// A client's socket is ready.
    pub(super) fn client_ready(&mut self, place: usize, flags: EventFlags) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        let process = client.process;
        if flags.contains(EventFlags::OUT)
            && let Some(owner) = self.processes.get_mut(process).and_then(Option::as_mut)
        {
            client.catch_up(&owner.backlog, &mut self.scratch[..CHUNK]);
            if client.stage == ClientStage::Ending {
                client.end(Instant::now() + CLOSE_GRACE);
            }
            self.hold_up_if_needed(process);
        }
        if flags.contains(EventFlags::IN) {
            self.client_readable(place);
        } else if flags.intersects(EventFlags::HUP | EventFlags::ERR)
            && let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut)
        {
            client.stage = ClientStage::Gone;
        }
        self.sweep_clients(process);
    }

    fn client_readable(&mut self, place: usize) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        let Some(len) = client.receive(&mut self.scratch[..CHUNK]) else { return };
        if matches!(client.stage, ClientStage::Closing(_)) {
            if len == 0 {
                client.stage = ClientStage::Gone;
            }
            return;
        }
        if len > 0 {
            let typed = self.scratch[..len].to_vec();
            self.typed(place, &typed);
            return;
        }
        client.feeds = false;
        let process = client.process;
        self.input_ended(process, place);
    }

    /// A client has closed its side. As Docker: that closes the input of a process that has one client's input only;
    /// of any other it ends this client's session.
    fn input_ended(&mut self, process: usize, place: usize) {
        let Some(owner) = self.processes.get_mut(process).and_then(Option::as_mut) else { return };
        if owner.stdin_once && !owner.terminal {
            owner.close_input();
            self.watch_clients(process);
        } else if let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) {
            client.end(Instant::now() + CLOSE_GRACE);
        }
    }

    /// Passes on what a client typed, unless it was the keys to detach.
    fn typed(&mut self, place: usize, data: &[u8]) {
        let Some(client) = self.clients.get_mut(place).and_then(Option::as_mut) else { return };
        let process = client.process;
        let Some(owner) = self.processes.get_mut(process).and_then(Option::as_mut) else { return };
        let Some(keys) = &mut client.keys else {
            owner.feed(data);
            self.watch_clients(process);
            return;
        };
        let mut passed = Vec::with_capacity(data.len());
        let detach = keys.scan(data, &mut passed);
        owner.feed(&passed);
        if detach {
            client.end(Instant::now() + CLOSE_GRACE);
            let exec_id = owner.exec_id.clone();
            self.tell(Event::Detached { exec_id });
        }
        self.watch_clients(process);
    }

    /// A process takes more input.
    pub(super) fn input_ready(&mut self, place: usize) {
        if let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) {
            process.flush_input();
            self.watch_clients(place);
        }
    }

    /// Watches the clients of a process for what can be done now.
    pub(super) fn watch_clients(&mut self, place: usize) {
        let Self { processes, clients, .. } = self;
        let Some(process) = processes.get(place).and_then(Option::as_ref) else { return };
        let readable = process.takes_input();
        for &client in &process.clients {
            if let Some(client) = clients.get_mut(client).and_then(Option::as_mut) {
                client.watch(readable);
            }
        }
    }

    /// Removes the clients of a process that are gone; one that fed it takes its input along.
    pub(super) fn sweep_clients(&mut self, place: usize) {
        let Self { processes, clients, .. } = self;
        let Some(process) = processes.get_mut(place).and_then(Option::as_mut) else { return };
        let (mut fed, before) = (false, process.clients.len());
        process.clients.retain(|&place| {
            let gone = clients[place].as_ref().is_none_or(|client| client.stage == ClientStage::Gone);
            if gone && let Some(client) = clients[place].take() {
                fed |= client.feeds;
            }
            !gone
        });
        if fed && process.stdin_once && !process.terminal {
            process.close_input();
        }
        let left = process.clients.len() < before;
        if fed {
            self.watch_clients(place);
        }
        if left {
            // What was kept for them is of no use any more.
            self.hold_up_if_needed(place);
        }
        self.reclaim(place);
    }

    /// The process has ended and all its output has been passed on.
    pub(super) fn end_clients(&mut self, place: usize) {
        let Self { processes, clients, .. } = self;
        let Some(process) = processes.get(place).and_then(Option::as_ref) else { return };
        for &client in &process.clients {
            if let Some(client) = clients.get_mut(client).and_then(Option::as_mut) {
                client.feeds = false;
                client.end(Instant::now() + CLOSE_GRACE);
                client.watch(false);
            }
        }
        self.sweep_clients(place);
    }

    /// Removes clients that do not close their side, or have not taken for too long what is left of an ended process;
    /// when to look again.
    pub(super) fn close_late_clients(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for place in 0..self.clients.len() {
            let Some(client) = self.clients[place].as_mut() else { continue };
            let limit = match (client.stage, client.lag()) {
                (ClientStage::Closing(limit), _) => limit,
                (ClientStage::Ending, Some((_, progress))) => progress + LINGER,
                _ => continue,
            };
            if limit <= now {
                client.stage = ClientStage::Gone;
                let process = client.process;
                self.sweep_clients(process);
            } else {
                next = Some(next.map_or(limit, |next| next.min(limit)));
            }
        }
        next
    }
}
