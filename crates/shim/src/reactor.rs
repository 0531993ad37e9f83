//! The one thread of the daemon that listens to all shims.
//!
//! It routes answers to the threads that wait for them and events to the one channel, and notices when a shim is gone:
//! then it makes sure that the container is gone too, and tells its end if nobody has.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use errdefs::{Context as _, Result};
use rustix::event::epoll::{self, CreateFlags, Event as Ready, EventData, EventFlags};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::handle::Shim;
use crate::protocol::{self, Greeting, Message, PACKET_MAX, Received};
use crate::{ContainerId, Event, Exit, adopt, hooks, record};

/// Marks the token of a shim's process, beside that of its socket.
const DEATH: u64 = 1 << 32;
/// Events taken from the kernel at a time.
const BATCH: usize = 64;

/// What a look at a connection brought.
#[derive(PartialEq, Eq)]
enum Got {
    Message,
    Nothing,
    End,
}

/// The thread's side that other threads see.
#[derive(Debug)]
pub(crate) struct Reactor {
    epoll: OwnedFd,
    shims: Mutex<HashMap<u64, Arc<Shim>>>,
    events: Sender<(ContainerId, Event)>,
    /// The shims' program.
    exe: OwnedFd,
}

impl Reactor {
    pub(crate) fn start(events: Sender<(ContainerId, Event)>, exe: OwnedFd) -> Result<Arc<Self>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).context(|| "epoll_create")?;
        let reactor = Arc::new(Self { epoll, shims: Mutex::default(), events, exe });
        let thread = reactor.clone();
        std::thread::Builder::new()
            .name("shims".into())
            .spawn(move || thread.run())
            .context(|| "start thread")?;
        Ok(reactor)
    }

    /// Begins to listen to a shim.
    pub(crate) fn add(&self, shim: &Arc<Shim>) -> Result<()> {
        let token = shim.socket.as_raw_fd().unsigned_abs().into();
        self.lock().insert(token, shim.clone());
        epoll::add(&self.epoll, &shim.pidfd, EventData::new_u64(token | DEATH), EventFlags::IN)
            .and_then(|()| epoll::add(&self.epoll, &shim.socket, EventData::new_u64(token), EventFlags::IN))
            .context(|| "epoll_ctl")
            .inspect_err(|_| self.forget(token, shim))
    }

    /// Begins to watch for the end of a shim whose words are not understood.
    pub(crate) fn add_mute(&self, shim: &Arc<Shim>) -> Result<()> {
        let token = shim.socket.as_raw_fd().unsigned_abs().into();
        self.lock().insert(token, shim.clone());
        epoll::add(&self.epoll, &shim.pidfd, EventData::new_u64(token | DEATH), EventFlags::IN)
            .context(|| "epoll_ctl")
            .inspect_err(|_| self.forget(token, shim))
    }

    /// The shims' program.
    pub(crate) fn exe(&self) -> BorrowedFd<'_> {
        self.exe.as_fd()
    }

    fn forget(&self, token: u64, shim: &Shim) {
        // Whichever of them is not in the set is not missed.
        let _ = epoll::delete(&self.epoll, &shim.socket);
        let _ = epoll::delete(&self.epoll, &shim.pidfd);
        self.lock().remove(&token);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Shim>>> {
        self.shims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut buffer = vec![0; PACKET_MAX];
        let mut space = [const { MaybeUninit::<Ready>::uninit() }; BATCH];
        loop {
            let Ok((ready, _)) = epoll::wait(&self.epoll, &mut space, None) else { continue };
            for event in ready {
                let token = event.data.u64();
                let Some(shim) = self.lock().get(&(token & !DEATH)).cloned() else { continue };
                if token & DEATH != 0 {
                    // What it has said before it ended comes first.
                    while shim.listens() && self.hear(&shim, &mut buffer) == Got::Message {}
                    self.forget(token & !DEATH, &shim);
                    self.lost(&shim);
                } else if self.hear(&shim, &mut buffer) == Got::End {
                    let _ = epoll::delete(&self.epoll, &shim.socket);
                    if shim.state().other_version.is_some() {
                        continue;
                    }
                    if shim.state().replaced {
                        self.forget(token, &shim);
                    }
                    // Its end is told when the process is gone, which is at once unless only the connection broke.
                    shim.hung_up();
                }
            }
        }
    }

    /// Takes one message, which may be the first word of a shim that was adopted without one.
    fn hear(&self, shim: &Shim, buffer: &mut [u8]) -> Got {
        if !shim.state().silent {
            return self.receive(shim, buffer);
        }
        match protocol::greeting(shim.socket.as_fd(), buffer) {
            Ok(Received::Message(greeting, fds)) => {
                shim.change(|state| state.silent = false);
                match greeting {
                    Greeting::Ours(message) => self.take(shim, message, fds),
                    Greeting::Other(spoken) => {
                        adopt::mute(shim, spoken);
                        return Got::End;
                    }
                }
                Got::Message
            }
            Ok(Received::Nothing) => Got::Nothing,
            Ok(Received::Closed) | Err(_) => Got::End,
        }
    }

    /// Takes one message. A shim that talks nonsense is as good as gone.
    fn receive(&self, shim: &Shim, buffer: &mut [u8]) -> Got {
        match protocol::receive::<Message>(shim.socket.as_fd(), buffer) {
            Ok(Received::Message(Message::Hello { version, .. }, _)) if version != protocol::version() => {
                let text = "the shim's program is of another version than the engine: install both together";
                shim.change(|state| state.created = Some(Err(runtime::StartError::other(text))));
                // What it has begun it undoes without a daemon.
                let _ = rustix::net::shutdown(&shim.socket, rustix::net::Shutdown::Both);
                Got::End
            }
            Ok(Received::Message(message, fds)) => {
                self.take(shim, message, fds);
                Got::Message
            }
            Ok(Received::Nothing) => Got::Nothing,
            Ok(Received::Closed) | Err(_) => Got::End,
        }
    }

    fn take(&self, shim: &Shim, message: Message, fds: Vec<OwnedFd>) {
        match message {
            Message::Hello { created, exited, execs, .. } => {
                shim.change(|state| {
                    state.created = created.or(state.created.take());
                    state.execs = execs;
                });
                if let Some(exit) = exited {
                    tell_end(&self.events, shim, exit);
                }
            }
            Message::Replaced => shim.change(|state| state.replaced = true),
            Message::Warnings(warnings) => shim.change(|state| state.warnings = warnings),
            Message::Created(created) => shim.change(|state| state.created = Some(created)),
            Message::Answer { number, answer } => shim.answer(number, answer, fds),
            Message::Event(Event::Exited(exit)) => tell_end(&self.events, shim, exit),
            Message::Event(event) => self.tell(shim, event),
        }
    }

    fn tell(&self, shim: &Shim, event: Event) {
        // Nobody listens any more only when the daemon ends.
        let _ = self.events.send((shim.id.clone(), event));
    }

    /// The shim's process has ended, on its own or not.
    fn lost(&self, shim: &Arc<Shim>) {
        // Fails if the shim is not our child (adopted); it is reaped by its parent then.
        let _ = waitid(WaitId::PidFd(shim.pidfd.as_fd()), WaitIdOptions::EXITED);
        let (told, unmade, created) = {
            let state = shim.state();
            let told = state.exited.is_some() || state.not_started;
            (told, state.created.is_none(), matches!(state.created, Some(Ok(_))))
        };
        if told || !created && !unmade {
            return shim.buried();
        }
        // That takes as long as processes take to die, and other shims are to be heard meanwhile.
        let (dead, events, exe) = (shim.clone(), self.events.clone(), self.exe.try_clone());
        let bury = move || {
            if let (true, Ok(exe)) = (created, &exe) {
                tell_end(&events, &dead, record::bury(&dead.state_dir, exe.as_fd()));
            } else {
                // Killed while it made the container: whoever waits for that learns it when the connection is closed.
                record::end_group(&dead.state_dir);
                if let Ok(exe) = &exe {
                    hooks::finish(&dead.state_dir, exe.as_fd());
                }
            }
            dead.buried();
        };
        if std::thread::Builder::new().name("shim-end".into()).spawn(bury).is_err() {
            // Without a thread the processes still die with their parent; the next daemon removes the group.
            if created {
                let at = logs::Time::now();
                tell_end(&self.events, shim, Exit { code: 137, signal: Some(9), oom: false, at });
            }
            shim.buried();
        }
    }
}

/// Tells an end, once.
fn tell_end(events: &Sender<(ContainerId, Event)>, shim: &Shim, exit: Exit) {
    let first = shim.change(|state| state.exited.replace(exit).is_none());
    if first {
        // Nobody listens any more only when the daemon ends.
        let _ = events.send((shim.id.clone(), Event::Exited(exit)));
    }
}
