//! `wait`: until it does not run, exits the next time, or is gone (semantics 41 and 42).

use api::container::{WaitError, WaitResponse};
use errdefs::Result;
use tokio::sync::watch;

use super::state::Moment;
use super::{Containers, WaitCondition};

/// A registered wait: no exit after its making is missed, so answer the headers and then [`Waiter::finish`].
pub struct Waiter {
    condition: WaitCondition,
    exits: u64,
    moments: watch::Receiver<Moment>,
}

impl Containers {
    /// Registers a wait.
    ///
    /// # Errors
    /// NotFound.
    pub fn wait(&self, reference: &str, condition: WaitCondition) -> Result<Waiter> {
        let container = self.shared.registry.find(reference)?;
        let moments = container.progress.subscribe();
        let exits = moments.borrow().exits;
        Ok(Waiter { condition, exits, moments })
    }
}

impl Waiter {
    /// The exit code, when the condition has come true.
    pub async fn finish(mut self) -> WaitResponse {
        let (condition, exits) = (self.condition, self.exits);
        let done = |moment: &Moment| match condition {
            WaitCondition::NotRunning => !moment.running || moment.exits > exits || moment.removed.is_some(),
            WaitCondition::NextExit => moment.exits > exits || moment.removed.is_some(),
            WaitCondition::Removed => moment.removed.is_some(),
        };
        // The container's end of the channel outlives its removal, which is the last moment.
        let moment = match self.moments.wait_for(done).await {
            Ok(moment) => moment.clone(),
            Err(_) => Moment { removed: Some(Err("container is gone".into())), ..Moment::default() },
        };
        // Only a removal's failure is told here; why a start failed is the start's answer.
        let error = match moment.removed {
            Some(Err(message)) => Some(WaitError { message }),
            _ => None,
        };
        WaitResponse { status_code: moment.exit_code.into(), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::state::Progress;

    fn waiter(progress: &Progress, condition: WaitCondition) -> Waiter {
        let moments = progress.subscribe();
        let exits = moments.borrow().exits;
        Waiter { condition, exits, moments }
    }

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_stopped_container_answers_at_once_and_an_exit_is_not_missed() {
        let progress = Progress::new(Moment { exit_code: 3, ..Moment::default() });
        assert_eq!(block(waiter(&progress, WaitCondition::NotRunning).finish()).status_code, 3);
        let next = waiter(&progress, WaitCondition::NextExit);
        progress.update(|moment| {
            moment.exits += 1;
            moment.running = true;
            moment.exit_code = 4;
        });
        assert_eq!(block(next.finish()).status_code, 4, "it runs again, but it did exit");
    }

    #[test]
    fn removal_ends_every_wait_and_its_failure_is_told() {
        let progress = Progress::new(Moment { running: true, ..Moment::default() });
        let waiters = [WaitCondition::NotRunning, WaitCondition::NextExit, WaitCondition::Removed]
            .map(|condition| waiter(&progress, condition));
        progress.update(|moment| moment.removed = Some(Err("no".into())));
        for waiter in waiters {
            assert_eq!(block(waiter.finish()).error.unwrap().message, "no");
        }
    }
}
