//! Driving every job that is due: what cron calls.

use std::time::{Duration, Instant};

use super::engine::Engine;
use super::error::EngineError;
use super::interrupt::Interrupt;
use super::request::{DriveLimits, Ending, RunLimits, RunOutcome};
use super::sink::EventSink;

/// How long a run that stays looks away at most before it looks for new jobs.
const LOOK: Duration = Duration::from_secs(10);

impl Engine {
    /// Drives every job that is due, oldest first, and with `once` unset waits for delayed and new
    /// jobs until it is interrupted or the time runs out. A job that another process drives is
    /// passed over, and one that breaks does not stop the others and is not tried again by this
    /// call.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn run_due(
        &self,
        events: &mut dyn EventSink,
        interrupt: &Interrupt,
        limits: &RunLimits,
    ) -> Result<RunOutcome, EngineError> {
        let mut outcome = RunOutcome::default();
        let drive_limits = DriveLimits::without_waiting(limits.deadline);
        loop {
            for job in self.store().due(self.now())? {
                if must_stop(interrupt, limits) {
                    outcome.stopped_early = true;
                    return Ok(outcome);
                }
                if outcome.broken.iter().any(|(broken, _)| broken == &job) {
                    continue;
                }
                outcome.driven.retain(|driven| driven.job != job);
                outcome.locked.retain(|locked| locked != &job);
                match self.drive(&job, events, interrupt, &drive_limits) {
                    Ok(driven) => {
                        let stopped =
                            matches!(driven.ending, Ending::Interrupted | Ending::Deadline);
                        outcome.driven.push(driven);
                        if stopped {
                            outcome.stopped_early = true;
                            return Ok(outcome);
                        }
                    }
                    Err(EngineError::Locked { .. }) => outcome.locked.push(job),
                    Err(error) => outcome.broken.push((job, error.to_string())),
                }
            }
            if limits.once {
                return Ok(outcome);
            }
            let wait = match self.store().next_due(self.now())? {
                Some(next) => Duration::try_from(next.duration_since(self.now()))
                    .unwrap_or_default()
                    .min(LOOK),
                None => LOOK,
            };
            let wait = match limits.deadline {
                Some(deadline) => wait.min(deadline.saturating_duration_since(Instant::now())),
                None => wait,
            };
            let _ = interrupt.wait(wait);
            if must_stop(interrupt, limits) {
                outcome.stopped_early = true;
                return Ok(outcome);
            }
        }
    }
}

fn must_stop(interrupt: &Interrupt, limits: &RunLimits) -> bool {
    interrupt.is_requested()
        || limits
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
}
