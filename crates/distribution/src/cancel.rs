//! A way to stop an operation from outside: its waits end, its connections are shut down.
//!
//! The operations here are synchronous and spend their time inside reads and pauses, so a flag alone would be seen
//! late. A [`Cancel`] also wakes pauses and runs hooks, of which one shuts the operation's sockets down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use errdefs::Result;
use parking_lot::{Condvar, Mutex};

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    cancelled: bool,
    hooks: Vec<Hook>,
}

/// A cancellation signal; clones share it.
#[derive(Clone, Default)]
pub struct Cancel {
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Cancel {
    /// A signal that has not been given.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal. Every wait ends, every hook runs once; a second call does nothing.
    pub fn cancel(&self) {
        let hooks = {
            let mut state = self.shared.0.lock();
            state.cancelled = true;
            self.shared.1.notify_all();
            std::mem::take(&mut state.hooks)
        };
        hooks.into_iter().for_each(|hook| hook());
    }

    /// Whether the signal was given.
    pub fn is_cancelled(&self) -> bool {
        self.shared.0.lock().cancelled
    }

    /// An error of class `Cancelled` if the signal was given.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(errdefs::cancelled("context canceled")) } else { Ok(()) }
    }

    /// Runs `hook` when the signal is given: now, if it was.
    pub(crate) fn on_cancel(&self, hook: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.0.lock();
        if state.cancelled {
            drop(state);
            hook();
        } else {
            state.hooks.push(Box::new(hook));
        }
    }

    /// Waits for `pause` or the signal, whichever is first.
    pub(crate) fn pause(&self, pause: Duration) -> Result<()> {
        let until = Instant::now() + pause;
        let mut state = self.shared.0.lock();
        while !state.cancelled {
            if self.shared.1.wait_until(&mut state, until).timed_out() {
                return Ok(());
            }
        }
        Err(errdefs::cancelled("context canceled"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_signal_ends_a_pause_and_runs_each_hook_once() {
        let cancel = Cancel::new();
        let runs = Arc::new(AtomicUsize::new(0));
        let seen = runs.clone();
        cancel.on_cancel(move || {
            seen.fetch_add(1, Ordering::SeqCst);
        });
        let other = cancel.clone();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| cancel.pause(Duration::from_secs(3600)));
            other.cancel();
            other.cancel();
            assert_eq!(waiter.join().unwrap().unwrap_err().class(), errdefs::Class::Cancelled);
        });
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        let late = runs.clone();
        cancel.on_cancel(move || {
            late.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }
}
