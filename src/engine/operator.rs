//! What a person can ask of a job that exists.

use std::path::PathBuf;

use crate::domain::event::{EventKind, Request};
use crate::domain::id::{JobId, PhotoId};
use crate::domain::operation::OperationKind;
use crate::domain::plan::{Plan, PlannedAttempt};
use crate::domain::state::{
    AttemptBudget, JobInput, JobState, OperationInput, OperationState, next_operation,
};
use crate::domain::verdict::{Reason, ReasonCode, Verdict};
use crate::planner::attempt_seed;
use crate::provider::Order;
use crate::store::OperationChange;

use super::documents::ExtraAttempt;
use super::engine::Engine;
use super::error::EngineError;
use super::ordering::Attempts;
use super::report::JobSummary;
use super::request::RetryRequest;
use super::session::Session;
use super::sink::EventSink;

impl Engine {
    /// Gives operations one more attempt with a new seed: those that were given up, of the photos
    /// named or of all. The job is then due.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] while the job is under way, [`EngineError::NothingTo`] where nothing
    /// was given up.
    pub fn retry(
        &self,
        job: &JobId,
        request: &RetryRequest,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        let mut session = Session::open(self, job, events)?;
        let state = session.state();
        if !(state.is_terminal() || state == JobState::NeedsReview) {
            return Err(not_now(&session, "retry"));
        }
        let plan = session.work.plan_with_extra()?;
        let mut extra = session.work.extra()?;
        let mut changes = Vec::new();
        let recorded = session.store().attempts(job)?;
        let attempts = Attempts::new(&recorded);
        for photo in session.store().photos(job)? {
            let named = request.photos.contains(&photo.id);
            for operation in &photo.operations {
                let wanted = if named {
                    !matches!(
                        operation.state,
                        OperationState::Skipped | OperationState::Pending
                    )
                } else {
                    request.photos.is_empty() && operation.state == OperationState::GaveUp
                };
                if !wanted {
                    continue;
                }
                let made = attempts
                    .of(&photo.id, operation.kind)
                    .last()
                    .map_or(0, |attempt| attempt.number);
                let number = made.max(operation.allowed) + 1;
                let Some(attempt) =
                    another_attempt(&plan, &photo.id, operation.kind, number, request.seed)
                else {
                    continue;
                };
                extra.retain(|one| {
                    (&one.photo, one.operation, one.attempt.number)
                        != (&photo.id, operation.kind, number)
                });
                extra.push(ExtraAttempt {
                    photo: photo.id.clone(),
                    operation: operation.kind,
                    attempt,
                });
                let budget = AttemptBudget {
                    made,
                    allowed: number,
                };
                changes.push(OperationChange {
                    photo: photo.id.clone(),
                    kind: operation.kind,
                    state: next_operation(operation.state, OperationInput::RetryRequested, budget)?,
                    allowed: number,
                    reason: None,
                });
            }
        }
        if changes.is_empty() {
            return Err(EngineError::NothingTo {
                job: job.clone(),
                request: "retry",
            });
        }
        session.work.write_extra(extra)?;
        let asked = requested(&session, Request::Retry);
        session.advance(JobInput::RetryRequested, |change| {
            change.operations = changes;
            change.faults = 0;
            change.events.push(asked);
        })?;
        self.summary(job)
    }

    /// Takes results that wait for a person; all of them where `photos` is empty.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] where nothing waits for a person.
    pub fn approve(
        &self,
        job: &JobId,
        photos: &[PhotoId],
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        self.review(job, photos, true, events)
    }

    /// Refuses results that wait for a person; all of them where `photos` is empty. Those with
    /// attempts left are made again, the others are given up.
    ///
    /// # Errors
    /// As [`Engine::approve`].
    pub fn reject(
        &self,
        job: &JobId,
        photos: &[PhotoId],
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        self.review(job, photos, false, events)
    }

    fn review(
        &self,
        job: &JobId,
        wanted: &[PhotoId],
        accept: bool,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        let request = if accept { "approve" } else { "reject" };
        let mut session = Session::open(self, job, events)?;
        if session.state() != JobState::NeedsReview {
            return Err(not_now(&session, request));
        }
        let photos = session.store().photos(job)?;
        let recorded = session.store().attempts(job)?;
        let attempts = Attempts::new(&recorded);
        let mut changes = Vec::new();
        let mut judged = Vec::new();
        let mut told = vec![requested(
            &session,
            if accept {
                Request::Approve
            } else {
                Request::Reject
            },
        )];
        let mut left = 0_usize;
        for photo in &photos {
            for operation in &photo.operations {
                if operation.state != OperationState::Produced {
                    continue;
                }
                if !(wanted.is_empty() || wanted.contains(&photo.id)) {
                    left += 1;
                    continue;
                }
                let Some(last) = attempts.of(&photo.id, operation.kind).last() else {
                    continue;
                };
                let mut attempt = (*last).clone();
                let budget = AttemptBudget {
                    made: attempt.number,
                    allowed: operation.allowed,
                };
                let input = if accept {
                    OperationInput::Accepted
                } else {
                    OperationInput::Rejected
                };
                let state = next_operation(operation.state, input, budget)?;
                let reason = Reason::new(ReasonCode::Person, "a person rejected it");
                let kind = if accept {
                    attempt.verdict = Some(Verdict::Accepted);
                    EventKind::Accepted {
                        operation: operation.kind,
                        number: attempt.number,
                    }
                } else {
                    attempt.verdict = Some(Verdict::Rejected {
                        reasons: vec![reason.clone()],
                    });
                    EventKind::Rejected {
                        operation: operation.kind,
                        number: attempt.number,
                        reasons: vec![reason.clone()],
                    }
                };
                told.push(session.event(Some(&photo.id), kind));
                changes.push(OperationChange {
                    photo: photo.id.clone(),
                    kind: operation.kind,
                    state,
                    allowed: operation.allowed,
                    reason: (state == OperationState::GaveUp).then(|| reason.text.clone()),
                });
                judged.push(attempt);
            }
        }
        if changes.is_empty() {
            return Err(EngineError::NothingTo {
                job: job.clone(),
                request,
            });
        }
        if left > 0 {
            session.note(|change| {
                change.operations = changes;
                change.attempts = judged;
                change.events = told;
            })?;
        } else {
            session.advance(JobInput::Reviewed, |change| {
                change.operations = changes;
                change.attempts = judged;
                change.events.append(&mut told);
            })?;
        }
        self.summary(job)
    }

    /// Stops the job, at once or, where another process drives it, at that process's next safe
    /// point.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] for a job that has ended.
    pub fn cancel(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        let record = self.record(job)?;
        if record.state.is_terminal() {
            return Err(EngineError::NotNow {
                job: job.clone(),
                state: record.state,
                request: "be cancelled",
            });
        }
        // The wish is recorded first: whoever drives the job next carries it out.
        let asked = crate::domain::event::Event {
            schema_version: crate::domain::event::EVENT_SCHEMA_VERSION,
            at: self.now(),
            job: job.clone(),
            photo: None,
            kind: EventKind::Requested {
                request: Request::Cancel,
            },
        };
        self.store()
            .request_cancel(job, std::slice::from_ref(&asked))?;
        events.event(&asked);
        match Session::open(self, job, events) {
            Ok(mut session) => {
                if !session.state().is_terminal() {
                    session.cancel_now()?;
                }
            }
            Err(EngineError::Locked { .. }) => {}
            Err(error) => return Err(error),
        }
        self.summary(job)
    }

    /// Makes a failed, cancelled, delayed or waiting job go on; `drive` then does it. A job that
    /// has nothing to resume is left as it is.
    ///
    /// # Errors
    /// [`EngineError::Locked`] where another process drives it.
    pub fn resume(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        let mut session = Session::open(self, job, events)?;
        let asked = requested(&session, Request::Resume);
        match session.state() {
            JobState::Failed | JobState::Cancelled => {
                session.advance(JobInput::ResumeRequested, |change| {
                    change.faults = 0;
                    change.clear_cancel = true;
                    change.events.push(asked);
                })?;
            }
            JobState::AwaitingOperator => {
                let order = session.order()?;
                let outputs = session.work.outputs();
                let source = PathBuf::from(&session.record.source);
                let provider = self.provider(&order.record.executor)?;
                provider.operator_done(&Order {
                    document: &order.document,
                    marker: &order.marker,
                    folder: &order.folder,
                    source: &source,
                    outputs: &outputs,
                })?;
                session.advance(JobInput::ResumeRequested, |change| {
                    change.events.push(asked);
                })?;
            }
            JobState::Delivered | JobState::NeedsReview => {}
            _ => {
                if session.record.due.is_some() {
                    session.note(|change| {
                        change.due = None;
                        change.events.push(asked);
                    })?;
                }
            }
        }
        self.summary(job)
    }

    /// Makes a delivered job write its folder again; `drive` then does it.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] where it is not delivered yet, [`EngineError::NothingTo`] where its
    /// pictures have been removed from the work folder.
    pub fn deliver_again(
        &self,
        job: &JobId,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        let mut session = Session::open(self, job, events)?;
        match session.state() {
            JobState::Delivered => {}
            JobState::Delivering => return self.summary(job),
            _ => return Err(not_now(&session, "deliver again")),
        }
        if !self.masters_are_there(&session.record)? {
            return Err(EngineError::NothingTo {
                job: job.clone(),
                request: "deliver: its pictures were removed; submit the listing again with `--force`",
            });
        }
        let asked = requested(&session, Request::Deliver);
        session.advance(JobInput::RedeliveryRequested, |change| {
            change.events.push(asked);
        })?;
        self.summary(job)
    }
}

fn requested(session: &Session<'_>, request: Request) -> crate::domain::event::Event {
    session.event(None, EventKind::Requested { request })
}

fn not_now(session: &Session<'_>, request: &'static str) -> EngineError {
    EngineError::NotNow {
        job: session.record.id.clone(),
        state: session.state(),
        request,
    }
}

/// One attempt more than the plan has: as the last one, with another seed.
fn another_attempt(
    plan: &Plan,
    photo: &PhotoId,
    kind: OperationKind,
    number: u32,
    seed: Option<u64>,
) -> Option<PlannedAttempt> {
    let last = plan
        .photos
        .iter()
        .find(|planned| &planned.photo_id == photo)?
        .operations
        .iter()
        .find(|operation| operation.kind == kind)?
        .attempts
        .iter()
        .max_by_key(|attempt| attempt.number)?;
    Some(PlannedAttempt {
        number,
        seed: attempt_seed(seed.unwrap_or(last.seed), photo, kind, number),
        parameters: last.parameters.clone(),
    })
}
