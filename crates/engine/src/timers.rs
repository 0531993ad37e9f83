//! One thread that runs closures at given times: restart delays, health probes, kill deadlines.
//!
//! Invariants: a closure runs at most once; a cancelled one never starts. Closures must be short: whatever takes longer
//! goes to a thread of its own ([`Timers::after_on_thread`]), or it would delay all the others.
//!
//! Why not tokio's timers: the engine is synchronous below the server, and its timers must go on during the runtime's
//! shutdown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    next: u64,
    due: BTreeMap<(Instant, u64), Work>,
    /// Nothing runs, whatever its time.
    held: bool,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// The timer thread; it ends when this is dropped.
pub(crate) struct Timers {
    shared: Arc<Shared>,
}

/// Names one closure that waits for its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timer(Instant, u64);

impl Timers {
    /// Starts the thread.
    pub(crate) fn new() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let worker = Arc::clone(&shared);
        std::thread::Builder::new().name("timers".into()).spawn(move || run(&worker))?;
        Ok(Self { shared })
    }

    /// Runs `work` on the timer thread after `delay`.
    pub(crate) fn after(&self, delay: Duration, work: impl FnOnce() + Send + 'static) -> Timer {
        let mut queue = self.shared.queue.lock();
        queue.next += 1;
        let timer = Timer(Instant::now() + delay, queue.next);
        queue.due.insert((timer.0, timer.1), Box::new(work));
        drop(queue);
        self.shared.changed.notify_one();
        timer
    }

    /// Runs `work` after `delay` on a thread of its own.
    pub(crate) fn after_on_thread(&self, delay: Duration, work: impl FnOnce() + Send + 'static) -> Timer {
        self.after(delay, move || crate::background("timer", work))
    }

    /// Holds all closures back; what is due meanwhile runs after [`Timers::release`].
    pub(crate) fn hold(&self) {
        self.shared.queue.lock().held = true;
    }

    /// Lets closures run.
    pub(crate) fn release(&self) {
        self.shared.queue.lock().held = false;
        self.shared.changed.notify_one();
    }

    /// Takes the closure back; says whether it had not started.
    pub(crate) fn cancel(&self, timer: Timer) -> bool {
        self.shared.queue.lock().due.remove(&(timer.0, timer.1)).is_some()
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.changed.notify_one();
    }
}

fn run(shared: &Shared) {
    let mut queue = shared.queue.lock();
    while !queue.closed {
        let Some((&key, _)) = queue.due.first_key_value().filter(|_| !queue.held) else {
            shared.changed.wait(&mut queue);
            continue;
        };
        if key.0 > Instant::now() {
            shared.changed.wait_until(&mut queue, key.0);
            continue;
        }
        if let Some(work) = queue.due.remove(&key) {
            parking_lot::MutexGuard::unlocked(&mut queue, work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn closures_run_in_the_order_of_their_times() {
        let timers = Timers::new().unwrap();
        let (sender, receiver) = mpsc::channel();
        for (delay, name) in [(30, "c"), (10, "a"), (20, "b")] {
            let sender = sender.clone();
            timers.after(Duration::from_millis(delay), move || sender.send(name).unwrap());
        }
        let order: Vec<&str> = receiver.iter().take(3).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }

    #[test]
    fn what_is_due_while_they_are_held_runs_afterwards_and_can_be_cancelled() {
        let timers = Timers::new().unwrap();
        timers.hold();
        let (sender, receiver) = mpsc::channel();
        let cancelled = sender.clone();
        let timer = timers.after(Duration::ZERO, move || cancelled.send(1).unwrap());
        timers.after(Duration::ZERO, move || sender.send(2).unwrap());
        assert!(receiver.recv_timeout(Duration::from_millis(20)).is_err());
        assert!(timers.cancel(timer));
        timers.release();
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_cancelled_closure_never_runs() {
        let timers = Timers::new().unwrap();
        let (sender, receiver) = mpsc::channel();
        let cancelled = sender.clone();
        let timer = timers.after(Duration::from_millis(20), move || cancelled.send(1).unwrap());
        assert!(timers.cancel(timer));
        assert!(!timers.cancel(timer));
        timers.after(Duration::from_millis(40), move || sender.send(2).unwrap());
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [2]);
    }
}
