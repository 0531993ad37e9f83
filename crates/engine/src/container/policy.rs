//! Restart policies: whether a container that exited is started again, and after which delay.
//!
//! Pure: the caller owns the clock and the timer. The delay doubles from 100 ms to one minute and starts over after a
//! run of ten seconds or more; those numbers are what Docker's users have tuned their health checks and alerts to.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The delay before the first restart.
const DELAY_FIRST: Duration = Duration::from_millis(100);
/// No delay is longer.
const DELAY_LONGEST: Duration = Duration::from_secs(60);
/// A run this long counts as a success: the delay starts over.
const RUN_RESETS: Duration = Duration::from_secs(10);

/// When a container is to be started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Policy {
    /// Never.
    #[default]
    No,
    /// Always; also at daemon start, even if it was stopped by hand before.
    Always,
    /// Always, unless it was stopped by hand.
    UnlessStopped,
    /// After an exit with a code other than zero, at most so many times (0: no limit).
    OnFailure(u32),
}

/// The state that the delays depend on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    delay: Option<Duration>,
}

/// How the run that just ended went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// Exit code.
    pub(crate) code: i32,
    /// Stopped or killed by a user, or the daemon is going down.
    pub(crate) by_hand: bool,
    /// How many restarts there were before this one.
    pub(crate) restarts: u32,
}

impl Policy {
    /// Whether a container whose run ended thus is to be started again.
    pub(crate) fn applies(self, ended: Ended) -> bool {
        if ended.by_hand {
            return false;
        }
        match self {
            Self::No => false,
            Self::Always | Self::UnlessStopped => true,
            Self::OnFailure(most) => ended.code != 0 && (most == 0 || ended.restarts < most),
        }
    }

    /// Whether a container found not running at daemon start is to be started. `failed_count` is its restart count.
    pub(crate) fn applies_at_boot(self, was_running: bool, by_hand: bool, code: i32, restarts: u32) -> bool {
        match self {
            Self::No => false,
            Self::Always => true,
            Self::UnlessStopped => !by_hand,
            Self::OnFailure(most) => was_running && !by_hand && code != 0 && (most == 0 || restarts < most),
        }
    }
}

impl Backoff {
    /// The delay before the restart that follows a run of `ran`.
    pub(crate) fn next(&mut self, ran: Duration) -> Duration {
        let delay = match self.delay {
            Some(last) if ran < RUN_RESETS => (last * 2).min(DELAY_LONGEST),
            _ => DELAY_FIRST,
        };
        self.delay = Some(delay);
        delay
    }

    /// A start by hand: the next delay is the first one again.
    pub(crate) fn reset(&mut self) {
        self.delay = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_decide_by_code_hand_and_count() {
        let ended = |code, by_hand, restarts| Ended { code, by_hand, restarts };
        let table = [
            (Policy::No, ended(1, false, 0), false),
            (Policy::Always, ended(0, false, 9), true),
            (Policy::Always, ended(0, true, 0), false),
            (Policy::UnlessStopped, ended(3, false, 0), true),
            (Policy::UnlessStopped, ended(3, true, 0), false),
            (Policy::OnFailure(0), ended(0, false, 0), false),
            (Policy::OnFailure(0), ended(1, false, 1000), true),
            (Policy::OnFailure(2), ended(1, false, 1), true),
            (Policy::OnFailure(2), ended(1, false, 2), false),
        ];
        for (policy, ended, expected) in table {
            assert_eq!(policy.applies(ended), expected, "{policy:?} {ended:?}");
        }
    }

    #[test]
    fn at_boot_only_always_forgets_the_hand() {
        let table = [
            (Policy::No, true, false, 1, false),
            (Policy::Always, false, true, 0, true),
            (Policy::UnlessStopped, false, true, 0, false),
            (Policy::UnlessStopped, true, false, 0, true),
            (Policy::OnFailure(0), true, false, 0, false),
            (Policy::OnFailure(0), true, false, 1, true),
            (Policy::OnFailure(0), true, true, 1, false),
        ];
        for (policy, was_running, by_hand, code, expected) in table {
            assert_eq!(policy.applies_at_boot(was_running, by_hand, code, 0), expected, "{policy:?}");
        }
    }

    #[test]
    fn delays_double_to_a_minute_and_start_over_after_a_long_run() {
        let mut backoff = Backoff::default();
        let delays: Vec<u128> = (0..12).map(|_| backoff.next(Duration::ZERO).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
        assert_eq!(backoff.next(Duration::from_secs(10)).as_millis(), 100);
        assert_eq!(backoff.next(Duration::from_millis(9999)).as_millis(), 200);
        backoff.reset();
        assert_eq!(backoff.next(Duration::ZERO).as_millis(), 100);
    }
}
