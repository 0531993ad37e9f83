//! Attaches on their way: granted to a client, whose connection has not been handed over yet.
//!
//! A client may start the container as soon as it has read the `101` of its attach; the connection reaches us a moment
//! later. A start waits for it: a short-lived process would have ended with nobody to hear it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// How long a start waits. An answer takes far less than a millisecond to send; only a client that reads nothing, or a long
/// log that is replayed first, uses this up, and is served when it comes.
const PATIENCE: Duration = Duration::from_secs(2);

/// The attaches on their way to one container.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    count: Mutex<usize>,
    none: Condvar,
}

/// One of them; it has arrived, or never will, when this is dropped.
#[derive(Debug)]
pub(crate) struct Arrival(Arc<Arrivals>);

impl Arrivals {
    /// Notes one more.
    pub(crate) fn expect(self: &Arc<Self>) -> Arrival {
        *self.count.lock() += 1;
        Arrival(Arc::clone(self))
    }

    /// Returns when there are none.
    pub(crate) fn wait(&self) {
        let mut count = self.count.lock();
        self.none.wait_while_for(&mut count, |count| *count > 0, PATIENCE);
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut count = self.0.count.lock();
        *count -= 1;
        if *count == 0 {
            self.0.none.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_start_goes_on_when_the_last_has_arrived() {
        let arrivals = Arc::new(Arrivals::default());
        arrivals.wait();
        let (first, second) = (arrivals.expect(), arrivals.expect());
        let arrived = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(first);
                arrived.store(true, Ordering::SeqCst);
                drop(second);
            });
            arrivals.wait();
            assert!(arrived.load(Ordering::SeqCst));
        });
    }
}
