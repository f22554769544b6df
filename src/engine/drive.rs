//! Driving one job: state by state, until it rests.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::domain::event::EventKind;
use crate::domain::id::JobId;
use crate::domain::state::{Effect, JobInput, JobState};

use super::engine::Engine;
use super::error::EngineError;
use super::executing::as_order;
use super::interrupt::Interrupt;
use super::request::{DriveLimits, DriveOutcome, Ending};
use super::session::Session;
use super::sink::EventSink;

/// What a drive keeps in mind between two steps.
pub(super) struct Journey<'a> {
    pub(super) interrupt: &'a Interrupt,
    pub(super) limits: &'a DriveLimits,
    /// The wait for the moment that the record names is over.
    waited: bool,
}

impl Journey<'_> {
    pub(super) fn deadline_passed(&self) -> bool {
        self.limits
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Waits, but not beyond the deadline.
    pub(super) fn wait(&self, duration: Duration) {
        let duration = match self.limits.deadline {
            Some(deadline) => duration.min(deadline.saturating_duration_since(Instant::now())),
            None => duration,
        };
        // Whether it was cut short is seen at the next step.
        let _ = self.interrupt.wait(duration);
    }
}

impl Engine {
    /// Drives one job as far as it goes.
    ///
    /// # Errors
    /// [`EngineError::Locked`] where another process drives it; whatever keeps a step from being
    /// done. The state is then the last one recorded, and driving again goes on from there.
    pub fn drive(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
        interrupt: &Interrupt,
        limits: &DriveLimits,
    ) -> Result<DriveOutcome, EngineError> {
        let mut session = Session::open(self, job, events)?;
        session.work.remove_temporary_files()?;
        let mut journey = Journey {
            interrupt,
            limits,
            waited: false,
        };
        let ending = match session.drive(&mut journey) {
            // The machine's, and it says nothing about the listing: the job stays as it is and is due again.
            Err(error) if error.fault().is_some() && error.is_retryable() => {
                session.pause(&error)?
            }
            outcome => outcome?,
        };
        if session.state() == JobState::Delivered {
            // What is left over is of no use any more, and takes nothing from what is delivered.
            let _ = session.work.remove_parts();
        }
        Ok(outcome(&session, ending))
    }
}

fn outcome(session: &Session<'_>, ending: Ending) -> DriveOutcome {
    let record = &session.record;
    DriveOutcome {
        job: record.id.clone(),
        state: record.state,
        counts: record.counts,
        destination: PathBuf::from(&record.destination),
        problem: record.problem.clone(),
        ending,
    }
}

impl Session<'_> {
    fn drive(&mut self, journey: &mut Journey<'_>) -> Result<Ending, EngineError> {
        loop {
            self.reload()?;
            if self.record.cancel_requested && !self.state().is_terminal() {
                self.cancel_now()?;
            }
            let Some(work) = self.state().work() else {
                return Ok(self.terminal_ending());
            };
            if journey.interrupt.is_requested() {
                self.leave();
                return Ok(Ending::Interrupted);
            }
            if journey.deadline_passed() {
                return Ok(Ending::Deadline);
            }
            if !journey.waited
                && let Some(wait) = self.time_until_due()
            {
                if wait > journey.limits.patience {
                    return Ok(self.delayed_ending());
                }
                journey.wait(wait);
                journey.waited = true;
                // Someone may have asked to stop meanwhile.
                continue;
            }
            journey.waited = false;
            let ending = match work {
                Effect::WriteOrder => {
                    self.write_order()?;
                    None
                }
                Effect::BeginSubmission if self.stops_bundled(journey)? => Some(Ending::Bundled),
                Effect::BeginSubmission => {
                    self.advance(JobInput::SubmissionStarted, |_| {})?;
                    None
                }
                Effect::FindOrSubmit => self.find_or_submit(journey)?,
                Effect::Poll | Effect::AskOperator => self.poll(journey)?,
                Effect::Collect => self.collect(journey)?,
                Effect::Validate => self.validate(journey.interrupt)?,
                Effect::PlanRetry => {
                    self.advance(JobInput::RetryDue, |_| {})?;
                    None
                }
                Effect::AskReviewer => Some(Ending::NeedsReview),
                Effect::Deliver => self.deliver(journey.interrupt)?,
                Effect::CancelRun => None,
            };
            if let Some(ending) = ending {
                return Ok(ending);
            }
        }
    }

    /// Lets the executor stop what costs while nobody looks. What cannot be stopped is told and ends nothing.
    fn leave(&mut self) {
        if !self.state().is_with_executor() {
            return;
        }
        let left = self.order().and_then(|order| {
            let (outputs, _) = self.work.run_outputs(&order.record);
            let source = PathBuf::from(&self.record.source);
            let provider = self.engine.provider(&order.record.executor)?;
            provider.leave(&as_order(&order, &source, &outputs))?;
            Ok(())
        });
        if let Err(error) = left {
            self.tell(&self.event(
                None,
                EventKind::Warning {
                    text: format!("the executor could not be told to stop: {error}"),
                },
            ));
        }
    }

    /// Whether an order for an executor elsewhere is complete and shall not be handed over.
    fn stops_bundled(&self, journey: &Journey<'_>) -> Result<bool, EngineError> {
        if !journey.limits.until_bundled {
            return Ok(false);
        }
        let order = self.order()?;
        Ok(self.engine.provider(&order.record.executor)?.is_remote())
    }

    fn terminal_ending(&self) -> Ending {
        match self.state() {
            JobState::Cancelled => Ending::Cancelled,
            JobState::Failed => Ending::Failed {
                text: self.record.problem.clone().unwrap_or_default(),
            },
            _ => Ending::Delivered,
        }
    }

    /// How long it is until the moment before which the job is not to be driven.
    fn time_until_due(&self) -> Option<Duration> {
        let due = self.record.due?;
        let wait = Duration::try_from(due.duration_since(self.engine.now())).ok()?;
        (!wait.is_zero()).then_some(wait)
    }

    /// Why a job is not to be driven yet: after a fault, or because a remote executor works on it.
    fn delayed_ending(&self) -> Ending {
        match self.record.due {
            Some(until) if self.record.faults > 0 => Ending::Temporary {
                until,
                text: self.record.problem.clone().unwrap_or_default(),
            },
            _ => Ending::Remote {
                executor: self.record.provider.clone(),
            },
        }
    }

    /// Stops the job: the executor first, so that nothing goes on unseen, then the record.
    pub(super) fn cancel_now(&mut self) -> Result<(), EngineError> {
        let mut warning = None;
        if self.state().is_with_executor() {
            let order = self.order()?;
            let (outputs, _) = self.work.run_outputs(&order.record);
            let source = PathBuf::from(&self.record.source);
            let asked = as_order(&order, &source, &outputs);
            let provider = self.engine.provider(&order.record.executor)?;
            if let Err(error) = provider.cancel(&asked, Some(&Self::handle(&order))) {
                warning = Some(self.event(
                    None,
                    EventKind::Warning {
                        text: format!("the executor could not be told to stop: {error}"),
                    },
                ));
            }
        }
        self.advance(JobInput::CancelRequested, |change| {
            change.clear_cancel = true;
            change.faults = 0;
            change.events.extend(warning);
        })?;
        Ok(())
    }
}
