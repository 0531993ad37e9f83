//! Waiting in tests for what only the outside world can tell: with a deadline, and a message when it passes.
//!
//! The daemon's own waiting is on events; a test that watches it from outside has to look again now and then.

use std::time::{Duration, Instant};

/// How long a condition may take to come true on a slow, busy machine before it counts as never.
pub const PATIENCE: Duration = Duration::from_secs(30);

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value.
///
/// # Panics
/// With `what` if that takes longer than [`PATIENCE`].
#[track_caller]
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited {} s in vain: {what}", PATIENCE.as_secs());
        pause();
    }
}

/// Waits until `condition` is true. Panics as [`until`] does.
#[track_caller]
pub fn until_true(what: &str, mut condition: impl FnMut() -> bool) {
    until(what, || condition().then_some(()));
}

/// Looks until there is nothing to complain of; gives what is left when that takes longer than [`PATIENCE`].
pub fn until_empty(mut look: impl FnMut() -> Vec<String>) -> Vec<String> {
    let start = Instant::now();
    loop {
        let complaints = look();
        if complaints.is_empty() || start.elapsed() >= PATIENCE {
            return complaints;
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place in the tests that looks again after a pause")]
fn pause() {
    std::thread::sleep(LOOK_AGAIN);
}
