//! From a process to its log and its clients.
//!
//! A client that does not keep up gets its output from the backlog. When that holds [`BACKLOG_MAX`] for the slowest, the
//! process is no longer read from, as with any pipe, so that a slow reader loses nothing; but only for as long as that
//! client takes something within each [`STALLED`]: one that takes nothing is cut off, so that nobody can stop a
//! container by attaching to it.

use std::ops::Range;
use std::time::{Duration, Instant};

use logs::{Stream, Time};
use rustix::io::Errno;

use super::client::ClientStage;
use super::life::DRAIN_GRACE;
use super::process::Process;
use super::{CHUNK, Supervisor};

/// How far a client may lag behind. Enough for a reader that pauses; a thousand containers with a stalled client each
/// take 64 GB of disk at worst, not of memory.
const BACKLOG_MAX: u64 = 64 * 1024 * 1024;
/// How long a client may take nothing while a container waits for it.
const STALLED: Duration = Duration::from_secs(1);
/// Reads of one stream before others get their turn.
const READS_A_TURN: usize = 4;

/// Which output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
    Console,
}

impl Output {
    fn stream(self) -> Stream {
        match self {
            Self::Stdout | Self::Console => Stream::Stdout,
            Self::Stderr => Stream::Stderr,
        }
    }

    fn of(self, process: &mut Process) -> &mut Option<super::poller::Watched> {
        match self {
            Self::Stdout => &mut process.stdout,
            Self::Stderr => &mut process.stderr,
            Self::Console => &mut process.console,
        }
    }
}

impl Supervisor {
    /// Reads what a process has written. `false`: there may be more.
    pub(super) fn pump(&mut self, place: usize, output: Output) -> bool {
        let mut hung_up = false;
        for _ in 0..READS_A_TURN {
            let Some(process) = self.processes.get_mut(place).and_then(Option::as_mut) else { return true };
            if process.held_up {
                return true;
            }
            let Some(source) = output.of(process) else { return true };
            match rustix::io::read(&*source, &mut self.scratch[..]) {
                Ok(0) => {
                    *output.of(process) = None;
                    return true;
                }
                Ok(len) => {
                    self.burst |= len >= CHUNK;
                    for start in (0..len).step_by(CHUNK) {
                        self.deliver(place, output.stream(), start..len.min(start + CHUNK));
                    }
                }
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => {}
                // Of a terminal: nobody has its other end open. But the kernel looks for data first and at the other end
                // then (`n_tty_read`): what was written in between, just before the last end was closed, is there now.
                Err(Errno::IO) if !hung_up => hung_up = true,
                // Will not get better.
                Err(_) => {
                    *output.of(process) = None;
                    return true;
                }
            }
        }
        false
    }

    /// Passes on a part of the scratch buffer.
    fn deliver(&mut self, place: usize, stream: Stream, part: Range<usize>) {
        let Self { processes, clients, log, scratch, log_directory, .. } = self;
        let Some(process) = processes.get_mut(place).and_then(Option::as_mut) else { return };
        let data = &scratch[part];
        if process.exec_id.is_none() {
            log.write(stream, data, Time::now());
        }
        if process.clients.is_empty() {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a chunk is 64 KiB")]
        let [a, b, c, d] = (data.len() as u32).to_be_bytes();
        let header = [stream as u8, 0, 0, 0, a, b, c, d];
        let mut keep = false;
        for &client in &process.clients {
            if let Some(client) = clients.get_mut(client).and_then(Option::as_mut) {
                keep |= client.give(header, data, &process.backlog);
            }
        }
        if keep && process.backlog.append(header, data, log_directory.as_deref()).is_err() {
            // No room to keep it: those who lag would miss a piece, so they are cut off instead.
            for &client in &process.clients {
                if let Some(client) = clients.get_mut(client).and_then(Option::as_mut)
                    && client.lag().is_some()
                {
                    client.stage = ClientStage::Gone;
                }
            }
        }
        self.sweep_clients(place);
        if keep {
            self.hold_up_if_needed(place);
        }
    }

    /// Stops reading a process whose slowest client lags too far behind; resumes when it has caught up with half.
    pub(super) fn hold_up_if_needed(&mut self, place: usize) {
        let Self { processes, clients, .. } = self;
        let Some(process) = processes.get_mut(place).and_then(Option::as_mut) else { return };
        let slowest = process
            .clients
            .iter()
            .filter_map(|&client| clients.get(client)?.as_ref()?.lag())
            .map(|(position, _)| position)
            .min();
        process.backlog.release(slowest.unwrap_or(process.backlog.end()));
        let held = slowest.map_or(0, |position| process.backlog.held(position));
        if process.held_up && held <= BACKLOG_MAX / 2 {
            process.hold_up(false);
            // What had no chance to be read while it was held up has it now.
            process.drain_until = process.drain_until.map(|_| Instant::now() + DRAIN_GRACE);
        } else if !process.held_up && held > BACKLOG_MAX {
            process.hold_up(true);
        }
    }

    /// Cuts off the clients that hold a process up and take nothing; when to look again.
    pub(super) fn cut_stalled(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for place in 0..self.processes.len() {
            let Self { processes, clients, .. } = &mut *self;
            let Some(process) = processes[place].as_ref().filter(|process| process.held_up) else { continue };
            let mut cut = false;
            for &client in &process.clients {
                let Some(client) = clients.get_mut(client).and_then(Option::as_mut) else { continue };
                let Some((position, progress)) = client.lag() else { continue };
                if process.backlog.held(position) <= BACKLOG_MAX / 2 {
                    continue;
                }
                let limit = progress + STALLED;
                if limit <= now {
                    client.stage = ClientStage::Gone;
                    cut = true;
                } else {
                    next = Some(next.map_or(limit, |next| next.min(limit)));
                }
            }
            if cut {
                self.sweep_clients(place);
                self.hold_up_if_needed(place);
            }
        }
        next
    }
}
