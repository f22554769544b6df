//! Faults: what follows where an executor cannot be reached, refuses, or loses what it was given.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::{Event, EventKind};
use crate::domain::state::{JobInput, OperationState};
use crate::domain::verdict::{Reason, ReasonCode, Verdict};
use crate::provider::{FaultKind, ProviderError};
use crate::store::OperationChange;

use super::drive::Journey;
use super::error::EngineError;
use super::lock::after;
use super::ordering::Attempts;
use super::request::Ending;
use super::session::{CurrentOrder, Session};

/// Faults of this machine in a row after which the job is due again at once: whoever calls every few minutes waits
/// anyway.
const AT_ONCE: u32 = 3;

/// The longest wait after a fault of this machine: a folder that is back should not wait for long.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl Session<'_> {
    /// What follows from a fault of the executor.
    pub(super) fn fault(
        &mut self,
        order: &CurrentOrder,
        error: ProviderError,
        journey: &Journey<'_>,
    ) -> Result<Option<Ending>, EngineError> {
        match error.kind {
            // Who asked is seen at the next step.
            FaultKind::Interrupted => Ok(None),
            FaultKind::Credentials => {
                let text = error.to_string();
                let told = self.fault_event(order, &text, None);
                self.note(|change| {
                    change.problem = Some(text.clone());
                    change.events.push(told);
                })?;
                Ok(Some(Ending::Credentials { text }))
            }
            FaultKind::Network | FaultKind::Quota => {
                let faults = self.record.faults + 1;
                let policy = self.engine.options.retry;
                // An allowance that is used up comes back by itself, however often it is asked for.
                let renewed = error.kind == FaultKind::Quota && error.retry_after.is_some();
                if policy.is_out_of_patience(faults) && !renewed {
                    let reason = error.to_string();
                    let told = self.event(
                        None,
                        EventKind::Failed {
                            reason: reason.clone(),
                        },
                    );
                    self.advance(JobInput::GaveUp, |change| {
                        change.faults = faults;
                        change.problem = Some(reason);
                        change.events.push(told);
                    })?;
                    return Ok(None);
                }
                let delay = policy.delay(faults, self.seed(), error.retry_after);
                let again_at = after(self.engine.now(), delay);
                let text = error.to_string();
                let told = self.fault_event(order, &text, Some(again_at));
                self.note(|change| {
                    change.faults = faults;
                    change.due = Some(again_at);
                    change.problem = Some(text.clone());
                    change.events.push(told);
                })?;
                let hopeless = error.kind == FaultKind::Quota && delay > journey.limits.patience;
                Ok(hopeless.then_some(Ending::Temporary {
                    until: again_at,
                    text,
                }))
            }
            FaultKind::Machine => self.pause(&error.into()).map(Some),
            // Found broken where it is collected; nothing can be asked again.
            FaultKind::Refused | FaultKind::Answer => {
                self.run_failed(order, &error.text, false)?;
                Ok(None)
            }
            FaultKind::Files | FaultKind::Unknown => Err(error.into()),
        }
    }

    /// What follows from a fault of this machine: the job stays as it is, and is due again. Nothing is decided about
    /// any photo, however often it happens.
    pub(super) fn pause(&mut self, error: &EngineError) -> Result<Ending, EngineError> {
        let faults = self.record.faults + 1;
        let policy = self.engine.options.retry;
        let delay = faults
            .checked_sub(AT_ONCE)
            .filter(|&later| later > 0)
            .map(|later| policy.delay(later, self.seed(), None).min(LONGEST_PAUSE));
        let due = delay.map(|delay| after(self.engine.now(), delay));
        let mut text = error.to_string();
        if let Some(hint) = error.hint()
            && !text.contains(&hint)
        {
            text = format!("{text}; {hint}");
        }
        let told = EventKind::Warning {
            text: format!("stopped for now: {}", error.in_short()),
        };
        let told = self.event(None, told);
        let noted = self.note(|change| {
            change.faults = faults;
            change.due = due;
            change.problem = Some(text.clone());
            change.events.push(told);
        });
        // On a full disk the record cannot be written either, and what is there says enough to go on; but where another
        // drives the job now, it is not ours to speak of.
        if let Err(error) = noted
            && error.fault().is_none()
        {
            return Err(error);
        }
        Ok(Ending::Temporary {
            until: due.unwrap_or_else(|| self.engine.now()),
            text,
        })
    }

    /// The executor lost or refused the order: another follows after a delay, or, where that would
    /// end the same way, what was ordered is given up and the rest of the job goes on.
    pub(super) fn run_failed(
        &mut self,
        order: &CurrentOrder,
        text: &str,
        retryable: bool,
    ) -> Result<(), EngineError> {
        let failed_runs = self.record.failed_runs + 1;
        let policy = self.engine.options.retry;
        let again = retryable && !policy.is_exhausted(failed_runs);
        let again_at = again.then(|| {
            let delay = policy.delay(failed_runs, self.seed(), None);
            after(self.engine.now(), delay)
        });
        let mut events = vec![self.fault_event(order, text, again_at)];
        let mut operations = Vec::new();
        if !again {
            let recorded = self.store().attempts(&self.record.id)?;
            let attempts = Attempts::new(&recorded);
            for photo in self.store().photos(&self.record.id)? {
                for operation in &photo.operations {
                    // What waits for a person still does.
                    let ours = operation.executor == order.record.executor
                        && !operation.state.is_settled()
                        && !attempts.awaits_review(&photo.id, operation.kind);
                    if !ours {
                        continue;
                    }
                    // Another try that came to nothing takes nothing away.
                    let made = attempts.of(&photo.id, operation.kind);
                    if made
                        .iter()
                        .any(|one| one.verdict == Some(Verdict::Accepted))
                    {
                        operations.push(OperationChange {
                            photo: photo.id.clone(),
                            kind: operation.kind,
                            state: OperationState::Accepted,
                            allowed: operation.allowed,
                            reason: None,
                        });
                        continue;
                    }
                    operations.push(OperationChange {
                        photo: photo.id.clone(),
                        kind: operation.kind,
                        state: OperationState::GaveUp,
                        allowed: operation.allowed,
                        reason: Some(text.to_owned()),
                    });
                    events.push(self.event(
                        Some(&photo.id),
                        EventKind::OperationGaveUp {
                            operation: operation.kind,
                            reasons: vec![Reason::new(ReasonCode::Internal, text)],
                        },
                    ));
                }
            }
        }
        self.advance(JobInput::RunFailed, |change| {
            change.faults = if again { failed_runs } else { 0 };
            change.failed_runs = change.faults;
            change.due = again_at;
            change.problem = Some(text.to_owned());
            change.operations = operations;
            change.events.append(&mut events);
        })?;
        Ok(())
    }

    fn fault_event(&self, order: &CurrentOrder, text: &str, again_at: Option<Timestamp>) -> Event {
        let fault = EventKind::Fault {
            executor: order.record.executor.clone(),
            text: text.to_owned(),
            again_at,
        };
        self.event(None, fault)
    }

    /// The same for the same job, so that delays can be repeated.
    fn seed(&self) -> u64 {
        let digest = blake3::hash(self.record.id.as_str().as_bytes());
        let mut bytes = [0; 8];
        for (byte, digit) in bytes.iter_mut().zip(digest.as_bytes()) {
            *byte = *digit;
        }
        u64::from_le_bytes(bytes)
    }
}
