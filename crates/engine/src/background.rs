//! Threads for work of which nobody waits for the end: exits, timers, the deletion of files.
//!
//! A thread that has done its work waits a while for more: with containers that live for milliseconds, making threads and
//! giving their stacks back would cost as much as what they do. Work never waits for a thread: if none is idle, one is
//! made.
//!
//! Nor is it lost where no thread can be made (no memory, no process ids): then it is done by the next that has nothing
//! else to do, and one is kept from the beginning that has nothing else ever.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use errdefs::{Context, Result};
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
    /// Work that no thread could be made for.
    overdue: VecDeque<Work>,
    /// There is a thread for that.
    reserve: bool,
}

static STATE: Mutex<State> =
    Mutex::new(State { waiting: VecDeque::new(), idle: 0, overdue: VecDeque::new(), reserve: false });
static CHANGED: Condvar = Condvar::new();
/// There is work that no thread could be made for.
static OVERDUE: Condvar = Condvar::new();

/// Makes the thread that does what no thread can be made for later.
///
/// # Errors
/// `System` if there is none to be had even now.
pub(crate) fn keep_reserve() -> Result<()> {
    let mut state = STATE.lock();
    if !state.reserve {
        std::thread::Builder::new()
            .name("reserve".to_owned())
            .spawn(|| {
                loop {
                    // Whatever it is, the next must be done too.
                    let _ = catch_unwind(AssertUnwindSafe(next_overdue()));
                }
            })
            .context(|| "start a thread")?;
        state.reserve = true;
    }
    Ok(())
}

fn next_overdue() -> Work {
    let mut state = STATE.lock();
    loop {
        if let Some(work) = state.overdue.pop_front() {
            // The others need not wait for this one if there are threads again.
            let other = state.overdue.pop_front();
            drop(state);
            if let Some(work) = other.and_then(on_thread) {
                STATE.lock().overdue.push_front(work);
            }
            return work;
        }
        OVERDUE.wait(&mut state);
    }
}

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
    if let Some(work) = on_thread(Box::new(work)) {
        tracing::warn!(name, "cannot start a thread: it is done when there is one");
        STATE.lock().overdue.push_back(work);
        OVERDUE.notify_one();
    }
}

/// Runs `work` on a new thread; gives it back if there is none to be had.
fn on_thread(work: Work) -> Option<Work> {
    let given = Arc::new(Mutex::new(Some(work)));
    let taken = Arc::clone(&given);
    let spawned = std::thread::Builder::new().name("background".to_owned()).spawn(move || {
        let first = taken.lock().take();
        if let Some(work) = first {
            work();
        }
        while let Some(work) = next() {
            work();
        }
    });
    if spawned.is_ok() { None } else { given.lock().take() }
}

/// Waits for more work; `None` if there is none for a while.
fn next() -> Option<Work> {
    let mut state = STATE.lock();
    if let Some(work) = state.overdue.pop_front() {
        return Some(work);
    }
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
