//! One attached client: what it wants, how far it has got, and when it is done.
//!
//! Invariants: nothing here ever waits; a client's descriptor may be shared with another process, so its flags are never
//! touched and every call says that it must not block.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::AsFd as _;
use std::time::Instant;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recvmsg, sendmsg, shutdown,
};

use super::backlog::{Backlog, HEADER};
use super::poller::Watched;
use crate::AttachOptions;
use crate::keys::Scanner;

/// An attached client.
#[derive(Debug)]
pub(super) struct Client {
    socket: Watched,
    /// The process it is attached to.
    pub(super) process: usize,
    /// It feeds the process and has not closed its side.
    pub(super) feeds: bool,
    stdout: bool,
    stderr: bool,
    multiplexed: bool,
    pub(super) keys: Option<Scanner>,
    lag: Option<Lag>,
    pub(super) stage: ClientStage,
}

/// Where a client stands that has not taken everything.
#[derive(Debug)]
struct Lag {
    /// The frame it is in.
    position: u64,
    /// How many of the bytes it gets of that frame it has.
    taken: u64,
    /// When it last took something.
    progress: Instant,
}

/// What is still to happen with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientStage {
    /// Attached.
    Attached,
    /// Nothing more will come for it: it is shut down when it has taken what there is.
    Ending,
    /// Our side is shut down; what it still sends is dropped until it closes or this time has come.
    Closing(Instant),
    /// To be removed.
    Gone,
}

/// How far an attempt to send got.
enum Sent {
    All,
    Some(u64),
    Gone,
}

impl Client {
    pub(super) fn new(socket: Watched, process: usize, options: &AttachOptions, terminal: bool) -> Self {
        Self {
            socket,
            process,
            feeds: options.stdin,
            stdout: options.stdout,
            stderr: options.stderr,
            multiplexed: options.multiplexed,
            keys: (terminal && options.stdin).then(|| Scanner::new(options.detach_keys.clone())),
            lag: None,
            stage: ClientStage::Attached,
        }
    }

    /// Watches its socket for what can be done now; `readable`: the process takes input.
    pub(super) fn watch(&mut self, readable: bool) {
        let mut flags = EventFlags::empty();
        if self.lag.is_some() {
            flags |= EventFlags::OUT;
        }
        if (self.feeds && readable) || matches!(self.stage, ClientStage::Closing(_)) {
            flags |= EventFlags::IN;
        }
        // Even with no flags the kernel reports errors and hang-ups.
        self.socket.want((self.stage != ClientStage::Gone).then_some(flags));
    }

    fn wants(&self, stream: u8) -> bool {
        if stream == 1 { self.stdout } else { self.stderr }
    }

    /// Gives it a piece of output. Whether the piece must be kept for it.
    pub(super) fn give(&mut self, header: [u8; 8], data: &[u8], backlog: &Backlog) -> bool {
        if self.stage != ClientStage::Attached || !self.wants(header[0]) {
            return false;
        }
        if self.lag.is_some() {
            return true;
        }
        let sent = if self.multiplexed { self.send(&header, data) } else { self.send(&[], data) };
        match sent {
            Sent::All => false,
            Sent::Some(taken) => {
                self.lag = Some(Lag { position: backlog.end(), taken, progress: Instant::now() });
                self.watch(true);
                true
            }
            Sent::Gone => {
                self.stage = ClientStage::Gone;
                false
            }
        }
    }

    /// It can take more of what is kept for it.
    pub(super) fn catch_up(&mut self, backlog: &Backlog, scratch: &mut [u8]) {
        while let Some(lag) = &self.lag {
            if lag.position == backlog.end() {
                self.lag = None;
                break;
            }
            match self.next_piece(backlog, scratch) {
                Ok(true) => {}
                Ok(false) => return,
                // The file cannot be read: it would get a stream with a hole, so it gets an end.
                Err(_) => {
                    self.stage = ClientStage::Gone;
                    return;
                }
            }
        }
        self.watch(true);
    }

    /// Sends part of one frame; `false` if it takes no more now.
    fn next_piece(&mut self, backlog: &Backlog, scratch: &mut [u8]) -> std::io::Result<bool> {
        let Some(Lag { position, taken, .. }) = self.lag else { return Ok(false) };
        let (stream, len) = backlog.frame(position)?;
        let skipped = if self.multiplexed { 0 } else { HEADER };
        let wanted = if self.wants(stream) { HEADER - skipped + len } else { 0 };
        let mut now_taken = taken;
        if taken < wanted {
            let room = usize::try_from(wanted - taken).unwrap_or(usize::MAX).min(scratch.len());
            let read = backlog.read(position + skipped + taken, &mut scratch[..room])?;
            match self.send(&[], &scratch[..read]) {
                Sent::All => now_taken += read as u64,
                Sent::Some(0) => return Ok(false),
                Sent::Some(part) => now_taken += part,
                Sent::Gone => {
                    self.stage = ClientStage::Gone;
                    return Ok(false);
                }
            }
        }
        if let Some(lag) = &mut self.lag {
            lag.progress = Instant::now();
            (lag.position, lag.taken) =
                if now_taken >= wanted { (position + HEADER + len, 0) } else { (position, now_taken) };
        }
        Ok(true)
    }

    fn send(&self, header: &[u8], data: &[u8]) -> Sent {
        let parts = [IoSlice::new(header), IoSlice::new(data)];
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match sendmsg(&self.socket, &parts, &mut SendAncillaryBuffer::default(), flags) {
            Ok(sent) if sent == header.len() + data.len() => Sent::All,
            Ok(sent) => Sent::Some(sent as u64),
            Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => Sent::Some(0),
            Err(_) => Sent::Gone,
        }
    }

    /// Reads what it sent: `Some(0)` is its end, `None` that there is nothing now.
    pub(super) fn receive(&mut self, scratch: &mut [u8]) -> Option<usize> {
        let mut control = RecvAncillaryBuffer::default();
        match recvmsg(&self.socket, &mut [IoSliceMut::new(scratch)], &mut control, RecvFlags::DONTWAIT) {
            Ok(message) => Some(message.bytes),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => {
                self.stage = ClientStage::Gone;
                Some(0)
            }
        }
    }

    /// Where it stands in the backlog, if it lags, and since when it has taken nothing.
    pub(super) fn lag(&self) -> Option<(u64, Instant)> {
        self.lag.as_ref().map(|lag| (lag.position, lag.progress))
    }

    /// Nothing more will come for it. Its side is shut down once it has everything; closing at once would, over TCP,
    /// throw away what is on its way if it has sent something nobody read.
    pub(super) fn end(&mut self, close_at: Instant) {
        if matches!(self.stage, ClientStage::Attached) {
            self.stage = ClientStage::Ending;
        }
        if self.stage == ClientStage::Ending && self.lag.is_none() {
            let _ = shutdown(self.socket.as_fd(), Shutdown::Write);
            self.feeds = false;
            self.stage = ClientStage::Closing(close_at);
            self.watch(false);
        }
    }
}
