//! Going back to an earlier version of a picture: nothing is made and nothing removed, another version
//! is added that delivers what an earlier one did.

use crate::domain::event::{Event, EventKind, Request};
use crate::domain::id::{JobId, PhotoId};
use crate::domain::operation::OperationKind;
use crate::domain::state::{JobInput, JobState, OperationState};
use crate::domain::verdict::{Verdict, VersionCause};
use crate::store::VersionRecord;

use super::concluding::version_event;
use super::engine::Engine;
use super::error::EngineError;
use super::ordering::{Attempts, Versions};
use super::report::JobSummary;
use super::request::RevertTarget;
use super::session::Session;
use super::sink::EventSink;

impl Engine {
    /// Delivers another version of `photo` from now on, and makes a delivered job write its folder
    /// again; `drive` then does it. Where several operations were generated for the photo, the last of
    /// them is meant.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] unless the job is delivered or waits for a review,
    /// [`EngineError::NoVersion`] where there is no such version, or its attempt did not pass.
    pub fn revert(
        &self,
        job: &JobId,
        photo: &PhotoId,
        target: RevertTarget,
        events: &mut dyn EventSink,
    ) -> Result<JobSummary, EngineError> {
        let mut session = Session::open(self, job, events)?;
        if !matches!(session.state(), JobState::Delivered | JobState::NeedsReview) {
            return Err(EngineError::NotNow {
                job: job.clone(),
                state: session.state(),
                request: "go back",
            });
        }
        let photos = session.store().photos(job)?;
        let attempts = session.store().attempts(job)?;
        let attempts = Attempts::new(&attempts);
        let recorded = session.store().versions(job)?;
        let versions = Versions::new(&recorded);
        let record = photos.iter().find(|record| &record.id == photo);
        let none = |reason: &str| EngineError::NoVersion {
            job: job.clone(),
            file: record.map_or_else(|| photo.to_string(), |record| record.file.clone()),
            reason: reason.to_owned(),
        };
        let operation = record
            .into_iter()
            .flat_map(|record| &record.operations)
            .rfind(|operation| {
                operation.kind != OperationKind::Enhance
                    && operation.state == OperationState::Accepted
            })
            .ok_or_else(|| none("nothing generated was accepted"))?;
        let kind = operation.kind;
        let made = attempts.of(photo, kind);
        let latest = versions.latest(photo, kind);
        let present = versions
            .delivered(photo, kind, made)
            .map(|attempt| attempt.number);
        let wanted = match target {
            RevertTarget::Without => None,
            RevertTarget::Attempt(number) => Some(number),
            RevertTarget::Version(number) => {
                recorded
                    .iter()
                    .find(|version| {
                        &version.photo == photo && version.kind == kind && version.number == number
                    })
                    .ok_or_else(|| none(&format!("there is no version {number}")))?
                    .attempt
            }
            RevertTarget::Previous => {
                recorded
                    .iter()
                    .rev()
                    .filter(|version| &version.photo == photo && version.kind == kind)
                    .nth(1)
                    .ok_or_else(|| none("there is no earlier version"))?
                    .attempt
            }
        };
        let passed = |number: u32| {
            made.iter().any(|attempt| {
                attempt.number == number && attempt.verdict == Some(Verdict::Accepted)
            })
        };
        if let Some(number) = wanted
            && !passed(number)
        {
            return Err(none(&format!("attempt {number} did not pass")));
        }
        if wanted == present {
            return Err(none("that is what is delivered already"));
        }
        if session.state() == JobState::Delivered && !self.masters_are_there(&session.record)? {
            return Err(EngineError::NothingTo {
                job: job.clone(),
                request: "go back to: its pictures were removed; submit the listing again with `--force`",
            });
        }
        let version = VersionRecord {
            photo: photo.clone(),
            kind,
            number: latest.map_or(0, |version| version.number) + 1,
            attempt: wanted,
            cause: VersionCause::Reverted,
            at: self.now(),
        };
        let told: Vec<Event> = vec![
            session.event(
                Some(photo),
                EventKind::Requested {
                    request: Request::Revert,
                },
            ),
            session.event(Some(photo), version_event(&version)),
        ];
        if session.state() == JobState::Delivered {
            session.advance(JobInput::RedeliveryRequested, |change| {
                change.versions.push(version);
                change.events.extend(told);
            })?;
        } else {
            session.note(|change| {
                change.versions.push(version);
                change.events.extend(told);
            })?;
        }
        self.summary(job)
    }
}
