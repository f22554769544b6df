//! What a person can ask of a job that exists.

use std::path::PathBuf;

use crate::domain::capabilities::EMBEDDED_EXECUTOR;
use crate::domain::event::{EventKind, Request};
use crate::domain::id::{JobId, PhotoId};
use crate::domain::judgement::{Candidate, best};
use crate::domain::operation::OperationKind;
use crate::domain::plan::{Plan, PlannedAttempt};
use crate::domain::state::{
    AttemptBudget, JobInput, JobState, OperationInput, OperationState, next_operation,
};
use crate::domain::style::RetryReason;
use crate::domain::verdict::{Reason, ReasonCode, Verdict, VersionCause};
use crate::planner::attempt_seed;
use crate::provider::Order;
use crate::store::{AttemptRecord, OperationChange, VersionRecord};

use super::concluding::version_event;
use super::documents::ExtraAttempt;
use super::engine::Engine;
use super::error::EngineError;
use super::ordering::{Attempts, Versions};
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
                let wanted = if named && request.only_given_up {
                    operation.state == OperationState::GaveUp
                } else if named {
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
                let number = made + 1;
                let known = attempts.of(&photo.id, operation.kind);
                let reason = attempts.retry_reason(&photo.id, operation.kind);
                let Some(mut attempt) =
                    another_attempt(&plan, &photo.id, operation.kind, number, reason)
                else {
                    continue;
                };
                // The embedded engine draws nothing, so a seed says nothing about its work.
                if let Some(seed) = request.seed
                    && operation.executor != EMBEDDED_EXECUTOR
                {
                    if known.iter().any(|made| made.seed == seed) {
                        return Err(EngineError::SeedUsed {
                            job: job.clone(),
                            file: photo.file.clone(),
                            seed,
                        });
                    }
                    attempt.seed = seed;
                }
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
            change.failed_runs = 0;
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
        let versions = session.store().versions(job)?;
        let versions = Versions::new(&versions);
        let mut changes = Vec::new();
        let mut judged = Vec::new();
        let mut chosen_versions = Vec::new();
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
                let known = attempts.of(&photo.id, operation.kind);
                let waiting: Vec<&AttemptRecord> = known
                    .iter()
                    .copied()
                    .filter(|attempt| matches!(attempt.verdict, Some(Verdict::NeedsReview { .. })))
                    .collect();
                let Some(last) = known.last() else { continue };
                let budget = AttemptBudget {
                    made: last.number,
                    allowed: operation.allowed,
                };
                let reason = Reason::new(ReasonCode::Person, "a person rejected it");
                let state = if accept {
                    let candidates: Vec<Candidate<'_>> = waiting
                        .iter()
                        .map(|attempt| Candidate {
                            number: attempt.number,
                            approved: false,
                            judgement: attempt.judgement.as_ref(),
                        })
                        .collect();
                    let chosen = best(&candidates)
                        .and_then(|best| waiting.iter().find(|one| one.number == best.number));
                    let Some(chosen) = chosen else { continue };
                    let mut attempt = (*chosen).clone();
                    attempt.verdict = Some(Verdict::Accepted);
                    told.push(session.event(
                        Some(&photo.id),
                        EventKind::Accepted {
                            operation: operation.kind,
                            number: attempt.number,
                        },
                    ));
                    let latest = versions.latest(&photo.id, operation.kind);
                    chosen_versions.push(VersionRecord {
                        photo: photo.id.clone(),
                        kind: operation.kind,
                        number: latest.map_or(0, |version| version.number) + 1,
                        attempt: Some(attempt.number),
                        cause: VersionCause::Approved,
                        at: self.now(),
                    });
                    judged.push(attempt);
                    next_operation(operation.state, OperationInput::Accepted, budget)?
                } else {
                    for attempt in waiting {
                        let mut attempt = attempt.clone();
                        let reasons = vec![reason.clone()];
                        attempt.verdict = Some(Verdict::Rejected {
                            reasons: reasons.clone(),
                        });
                        told.push(session.event(
                            Some(&photo.id),
                            EventKind::Rejected {
                                operation: operation.kind,
                                number: attempt.number,
                                reasons,
                            },
                        ));
                        judged.push(attempt);
                    }
                    let rejected =
                        next_operation(operation.state, OperationInput::Rejected, budget)?;
                    let kept = known
                        .iter()
                        .any(|attempt| attempt.verdict == Some(Verdict::Accepted));
                    if rejected == OperationState::GaveUp && kept {
                        next_operation(operation.state, OperationInput::Kept, budget)?
                    } else {
                        rejected
                    }
                };
                changes.push(OperationChange {
                    photo: photo.id.clone(),
                    kind: operation.kind,
                    state,
                    allowed: operation.allowed,
                    reason: (state == OperationState::GaveUp).then(|| reason.text.clone()),
                });
            }
        }
        if changes.is_empty() {
            return Err(EngineError::NothingTo {
                job: job.clone(),
                request,
            });
        }
        told.extend(
            chosen_versions
                .iter()
                .map(|version| session.event(Some(&version.photo), version_event(version))),
        );
        if left > 0 {
            session.note(|change| {
                change.operations = changes;
                change.attempts = judged;
                change.versions = chosen_versions;
                change.events = told;
            })?;
        } else {
            session.advance(JobInput::Reviewed, |change| {
                change.operations = changes;
                change.attempts = judged;
                change.versions = chosen_versions;
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
        self.resume_in(&mut session)?;
        self.summary(job)
    }

    /// The same in a session that is open, so that nobody comes between.
    pub(super) fn resume_in(&self, session: &mut Session<'_>) -> Result<(), EngineError> {
        let asked = requested(session, Request::Resume);
        match session.state() {
            JobState::Failed | JobState::Cancelled => {
                session.advance(JobInput::ResumeRequested, |change| {
                    change.faults = 0;
                    change.failed_runs = 0;
                    change.clear_cancel = true;
                    change.events.push(asked);
                })?;
            }
            JobState::AwaitingOperator => {
                let order = session.order()?;
                let (outputs, _) = session.work.run_outputs(&order.record);
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
        Ok(())
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

/// One attempt more than the plan has: as the last one of the ladder that answers `reason`, with
/// another seed.
fn another_attempt(
    plan: &Plan,
    photo: &PhotoId,
    kind: OperationKind,
    number: u32,
    reason: Option<RetryReason>,
) -> Option<PlannedAttempt> {
    let last = plan
        .photos
        .iter()
        .find(|planned| &planned.photo_id == photo)?
        .operations
        .iter()
        .find(|operation| operation.kind == kind)?
        .attempts_after(reason)
        .max_by_key(|attempt| attempt.number)?;
    Some(PlannedAttempt {
        number,
        seed: attempt_seed(last.seed, photo, kind, number),
        parameters: last.parameters.clone(),
    })
}
