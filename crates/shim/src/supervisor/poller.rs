//! The shim's epoll set, and descriptors that leave it by themselves.
//!
//! Invariant: a descriptor is taken out of the set before it is closed. Closing alone would not do: a child between its
//! making and its `execve` holds copies of everything, and the set would go on reporting a descriptor nobody can name.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use errdefs::{Context as _, Result};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

/// Events taken at a time.
const BATCH: usize = 32;

/// Whose descriptor is ready. The numbers are places in the supervisor's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Children,
    Listener,
    Control,
    Oom,
    /// A process being made.
    Stage(usize),
    Stdin(usize),
    Stdout(usize),
    Stderr(usize),
    Console(usize),
    Client(usize),
    Forward(usize),
}

impl Token {
    fn pack(self) -> u64 {
        let (kind, place) = match self {
            Self::Children => (0, 0),
            Self::Listener => (1, 0),
            Self::Control => (2, 0),
            Self::Oom => (3, 0),
            Self::Stage(p) => (4, p),
            Self::Stdin(p) => (5, p),
            Self::Stdout(p) => (6, p),
            Self::Stderr(p) => (7, p),
            Self::Console(p) => (8, p),
            Self::Client(c) => (9, c),
            Self::Forward(f) => (10, f),
        };
        kind << 32 | place as u64
    }

    fn unpack(token: u64) -> Option<Self> {
        let place = (token & 0xFFFF_FFFF) as usize;
        Some(match token >> 32 {
            0 => Self::Children,
            1 => Self::Listener,
            2 => Self::Control,
            3 => Self::Oom,
            4 => Self::Stage(place),
            5 => Self::Stdin(place),
            6 => Self::Stdout(place),
            7 => Self::Stderr(place),
            8 => Self::Console(place),
            9 => Self::Client(place),
            10 => Self::Forward(place),
            _ => return None,
        })
    }
}

/// The set.
#[derive(Debug)]
pub(super) struct Poller(OwnedFd);

impl Poller {
    pub(super) fn new() -> Result<Rc<Self>> {
        epoll::create(CreateFlags::CLOEXEC).context(|| "epoll_create").map(|fd| Rc::new(Self(fd)))
    }

    /// Waits for events, at most as long as given.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> Vec<(Token, EventFlags)> {
        let mut space = [const { MaybeUninit::<Event>::uninit() }; BATCH];
        let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
        // EINTR is as good as nothing: the caller looks at its deadlines and waits again.
        let Ok((ready, _)) = epoll::wait(&self.0, &mut space, timeout.as_ref()) else { return Vec::new() };
        ready.iter().filter_map(|event| Some((Token::unpack(event.data.u64())?, event.flags))).collect()
    }

    /// Puts a borrowed descriptor in; [`Poller::remove`] must come before it is closed.
    pub(super) fn add(&self, fd: BorrowedFd<'_>, token: Token, flags: EventFlags) -> Result<()> {
        epoll::add(&self.0, fd, EventData::new_u64(token.pack()), flags).context(|| "epoll_ctl")
    }

    pub(super) fn remove(&self, fd: BorrowedFd<'_>) {
        // Fails only if it is not in.
        let _ = epoll::delete(&self.0, fd);
    }
}

/// A descriptor of our own that is watched while something is wanted of it.
#[derive(Debug)]
pub(super) struct Watched {
    fd: OwnedFd,
    token: Token,
    wanted: Option<EventFlags>,
    poller: Rc<Poller>,
}

impl Watched {
    /// Not watched yet.
    pub(super) fn new(poller: &Rc<Poller>, fd: OwnedFd, token: Token) -> Self {
        Self { fd, token, wanted: None, poller: poller.clone() }
    }

    /// Watches for these events from now on; `None`: not at all.
    pub(super) fn want(&mut self, flags: Option<EventFlags>) {
        if self.wanted == flags {
            return;
        }
        let data = EventData::new_u64(self.token.pack());
        let done = match (self.wanted, flags) {
            (None, Some(flags)) => epoll::add(&self.poller.0, &self.fd, data, flags),
            (Some(_), Some(flags)) => epoll::modify(&self.poller.0, &self.fd, data, flags),
            (_, None) => epoll::delete(&self.poller.0, &self.fd),
        };
        // EPERM: a regular file or the like, which is always ready and cannot be waited for. Callers only pass sockets
        // and pipes; anything else is left unwatched and ends with the container.
        if matches!(done, Ok(()) | Err(Errno::EXIST)) {
            self.wanted = flags;
        }
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.want(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_packing() {
        let tokens =
            [Token::Children, Token::Oom, Token::Stage(0), Token::Console(7), Token::Forward(70_000)];
        for token in tokens {
            assert_eq!(Token::unpack(token.pack()), Some(token));
        }
        assert_eq!(Token::unpack(99 << 32), None);
    }
}
