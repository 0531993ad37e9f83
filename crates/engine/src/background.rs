//! Threads for work of which nobody waits for the end: exits, timers, the deletion of files.
//!
//! A thread that has done its work waits a while for more: with containers that live for milliseconds, making threads and
//! giving their stacks back would cost as much as what they do. Work never waits for a thread: if none is idle, one is
//! made.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long a thread waits for more.
const KEEP: Duration = Duration::from_secs(10);
/// Threads that wait at most.
const IDLE_MAX: usize = 8;

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    /// Work that a waiting thread has been woken for.
    waiting: VecDeque<Work>,
    /// Threads that wait, without those that are woken already.
    idle: usize,
}

static STATE: Mutex<State> = Mutex::new(State { waiting: VecDeque::new(), idle: 0 });
static CHANGED: Condvar = Condvar::new();

/// Runs `work` on a thread of its own, of which nobody waits for the end.
pub(crate) fn background(name: &str, work: impl FnOnce() + Send + 'static) {
    let mut state = STATE.lock();
    if state.idle > 0 {
        state.idle -= 1;
        state.waiting.push_back(Box::new(work));
        CHANGED.notify_one();
        return;
    }
    drop(state);
    let spawned = std::thread::Builder::new().name("background".to_owned()).spawn(move || {
        work();
        while let Some(work) = next() {
            work();
        }
    });
    if let Err(error) = spawned {
        tracing::error!(name, %error, "cannot start a thread");
    }
}

/// Waits for more work; `None` if there is none for a while.
fn next() -> Option<Work> {
    let mut state = STATE.lock();
    if state.idle >= IDLE_MAX {
        return None;
    }
    state.idle += 1;
    let deadline = Instant::now() + KEEP;
    loop {
        if let Some(work) = state.waiting.pop_front() {
            // Whoever left it has taken this thread off the idle ones.
            return Some(work);
        }
        if CHANGED.wait_until(&mut state, deadline).timed_out() && state.waiting.is_empty() {
            state.idle -= 1;
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier, mpsc};

    use super::*;

    #[test]
    fn all_work_is_done_also_when_it_waits_for_other_work() {
        for _ in 0..20 {
            let together = Arc::new(Barrier::new(30));
            let (sender, receiver) = mpsc::channel();
            for number in 0..30 {
                let (together, sender) = (Arc::clone(&together), sender.clone());
                background("test", move || {
                    together.wait();
                    sender.send(number).unwrap();
                });
            }
            drop(sender);
            let mut done: Vec<u32> = receiver.iter().collect();
            done.sort_unstable();
            assert_eq!(done, (0..30).collect::<Vec<_>>());
        }
    }
}
