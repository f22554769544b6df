//! The next order of a job: what is open, for the executor whose turn it is.

use std::collections::HashMap;

use crate::bundle;
use crate::domain::capabilities::EMBEDDED_EXECUTOR;
use crate::domain::event::EventKind;
use crate::domain::id::PhotoId;
use crate::domain::job::{
    JOB_SCHEMA_VERSION, JobOrder, OrderLimits, OrderedOperation, OrderedPhoto, run_id,
};
use crate::domain::operation::OperationKind;
use crate::domain::plan::{Plan, PlannedPhoto};
use crate::domain::state::{JobInput, OperationState};
use crate::domain::style::RetryReason;
use crate::domain::verdict::{Reason, ReasonCode, Verdict, VersionCause, leading_retry_reason};
use crate::fsx::fs;
use crate::store::{
    AttemptRecord, OperationChange, OperationRecord, OrderRecord, PhotoRecord, VersionRecord,
};

use super::error::EngineError;
use super::session::Session;
use super::trouble::Trouble;

/// A worker elsewhere is given at least this many seconds: loading its models alone takes minutes.
const SHORTEST_DEADLINE: f64 = 1800.0;

/// The attempts of each operation on each photo.
pub(super) struct Attempts<'a> {
    by_operation: HashMap<(&'a PhotoId, OperationKind), Vec<&'a AttemptRecord>>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(attempts: &'a [AttemptRecord]) -> Self {
        let mut by_operation: HashMap<_, Vec<_>> = HashMap::new();
        for attempt in attempts {
            by_operation
                .entry((&attempt.photo, attempt.kind))
                .or_default()
                .push(attempt);
        }
        Self { by_operation }
    }

    /// In order of their numbers.
    pub(super) fn of<'b>(
        &'b self,
        photo: &'b PhotoId,
        kind: OperationKind,
    ) -> &'b [&'a AttemptRecord] {
        self.by_operation
            .get(&(photo, kind))
            .map_or(&[], Vec::as_slice)
    }

    /// The number of the last attempt that has come to an end.
    pub(super) fn finished(&self, photo: &PhotoId, kind: OperationKind) -> u32 {
        self.of(photo, kind)
            .iter()
            .filter(|attempt| attempt.failure.is_some() || attempt.verdict.is_some())
            .map(|attempt| attempt.number)
            .max()
            .unwrap_or(0)
    }

    /// Whether a result waits for a person.
    pub(super) fn awaits_review(&self, photo: &PhotoId, kind: OperationKind) -> bool {
        self.of(photo, kind)
            .iter()
            .any(|attempt| matches!(attempt.verdict, Some(Verdict::NeedsReview { .. })))
    }

    /// The ladder that answers the last attempt's end.
    pub(super) fn retry_reason(&self, photo: &PhotoId, kind: OperationKind) -> Option<RetryReason> {
        let last = self.of(photo, kind).last()?;
        let refused: &[Reason] = match &last.verdict {
            Some(Verdict::Rejected { reasons } | Verdict::NeedsReview { reasons }) => reasons,
            Some(Verdict::Accepted) | None => &[],
        };
        leading_retry_reason(last.failure.iter().chain(refused))
    }
}

/// The versions of each operation on each photo; the latest is delivered.
pub(super) struct Versions<'a> {
    all: &'a [VersionRecord],
    latest: HashMap<(&'a PhotoId, OperationKind), &'a VersionRecord>,
}

impl<'a> Versions<'a> {
    pub(super) fn new(versions: &'a [VersionRecord]) -> Self {
        // They come in order of their numbers, so the last one stays.
        let latest = versions
            .iter()
            .map(|version| ((&version.photo, version.kind), version))
            .collect();
        Self {
            all: versions,
            latest,
        }
    }

    /// Whether a person approved this attempt.
    pub(super) fn is_approved(&self, photo: &PhotoId, kind: OperationKind, attempt: u32) -> bool {
        self.all.iter().any(|version| {
            version.cause == VersionCause::Approved
                && &version.photo == photo
                && version.kind == kind
                && version.attempt == Some(attempt)
        })
    }

    /// The versions of one operation, by number.
    pub(super) fn of(
        &self,
        photo: &PhotoId,
        kind: OperationKind,
    ) -> impl Iterator<Item = &'a VersionRecord> {
        self.all
            .iter()
            .filter(move |version| &version.photo == photo && version.kind == kind)
    }

    pub(super) fn latest<'b>(
        &'b self,
        photo: &'b PhotoId,
        kind: OperationKind,
    ) -> Option<&'a VersionRecord> {
        self.latest.get(&(photo, kind)).copied()
    }

    /// The attempt that is delivered: the latest version's, or, in a record that was made before there
    /// were versions, the last that was accepted.
    pub(super) fn delivered<'b>(
        &self,
        photo: &PhotoId,
        kind: OperationKind,
        attempts: &'b [&'b AttemptRecord],
    ) -> Option<&'b AttemptRecord> {
        match self.latest.get(&(photo, kind)) {
            Some(version) => attempts
                .iter()
                .find(|attempt| Some(attempt.number) == version.attempt)
                .copied(),
            None => attempts
                .iter()
                .rev()
                .find(|attempt| attempt.verdict == Some(Verdict::Accepted))
                .copied(),
        }
    }
}

/// Whether an executor has something to do for it: nothing is there, the last was refused, or what
/// is there was never judged. An operation works on what those before it made of the photo, so it
/// waits until they are settled.
fn is_open(photo: &PhotoRecord, operation: &OperationRecord, attempts: &Attempts<'_>) -> bool {
    let ready = photo
        .operations
        .iter()
        .take_while(|before| before.kind != operation.kind)
        .all(|before| before.state.is_settled());
    let undone = operation.state.is_open()
        || (operation.state == OperationState::Produced
            && !attempts.awaits_review(&photo.id, operation.kind));
    ready && undone
}

/// Whose turn it is: the embedded engine's, then the others' in the order of the plan.
fn next_executor(photos: &[PhotoRecord], attempts: &Attempts<'_>) -> Option<String> {
    let mut open = photos
        .iter()
        .flat_map(|photo| photo.operations.iter().map(move |one| (photo, one)))
        .filter(|(photo, operation)| is_open(photo, operation, attempts))
        .map(|(_, operation)| operation.executor.as_str());
    let first = open.next()?;
    if first == EMBEDDED_EXECUTOR || open.any(|executor| executor == EMBEDDED_EXECUTOR) {
        return Some(EMBEDDED_EXECUTOR.to_owned());
    }
    Some(first.to_owned())
}

impl Session<'_> {
    /// Writes the next order, or finds that nothing is left to order.
    pub(super) fn write_order(&mut self) -> Result<(), EngineError> {
        let photos = self.store().photos(&self.record.id)?;
        let recorded = self.store().attempts(&self.record.id)?;
        let attempts = Attempts::new(&recorded);
        let Some(executor) = next_executor(&photos, &attempts) else {
            let review = photos
                .iter()
                .flat_map(|photo| &photo.operations)
                .any(|operation| operation.state == OperationState::Produced);
            let input = if review {
                JobInput::ReviewNeeded
            } else {
                JobInput::NothingToDo
            };
            self.advance(input, |_| {})?;
            return Ok(());
        };
        let source = std::path::Path::new(&self.record.source);
        if !fs::look(source)?.is_some_and(|found| found.is_dir()) {
            return Err(EngineError::SourceMissing(source.to_owned()));
        }
        let plan = self.work.plan_with_extra()?;
        let versions = self.store().versions(&self.record.id)?;
        let versions = Versions::new(&versions);
        let orders = self.store().orders(&self.record.id)?;
        let number = orders.last().map_or(0, |order| order.number) + 1;
        let parent = orders
            .iter()
            .rev()
            .find(|order| order.executor == executor)
            .map(|order| order.run_id.clone());
        let provider = self.engine.provider(&executor)?;
        let remote = provider.is_remote();
        let models = match plan.model_set.filter(|_| remote) {
            Some(name) => Some(bundle::model_set(name)?),
            None => None,
        };
        let mut document = self.order_document(&plan, &photos, &attempts, &executor, number);
        document.models = models;
        document.parent.clone_from(&parent);
        let folder = self.work.order(number);
        fs::create_dir_all(&folder)?;
        let mut unreadable = Vec::new();
        let side = plan.working_long_side.unwrap_or(bundle::WORKING_LONG_SIDE);
        let mut masks = Vec::new();
        let mut stopped = None;
        document.photos.retain(|photo| {
            if stopped.is_some() {
                return true;
            }
            let written = if remote {
                self.write_working_photo(&folder, photo, &attempts, &versions, side)
            } else {
                Ok(())
            };
            match written.and_then(|()| self.write_mask(&folder, photo, &plan, side)) {
                Ok(mask) => {
                    masks.extend(mask);
                    true
                }
                Err(Trouble::Picture(reason)) => {
                    unreadable.push((photo.clone(), reason));
                    false
                }
                Err(Trouble::Machine(error)) => {
                    stopped = Some(error);
                    true
                }
            }
        });
        if let Some(error) = stopped {
            return Err(error);
        }
        let mut operations = Vec::new();
        let mut events = Vec::new();
        for photo in &photos {
            for operation in &photo.operations {
                let ordered = document.photos.iter().any(|one| {
                    one.photo_id == photo.id
                        && one.operations.iter().any(|one| one.kind == operation.kind)
                });
                if ordered
                    || operation.executor != executor
                    || !is_open(photo, operation, &attempts)
                {
                    continue;
                }
                let reason = unreadable
                    .iter()
                    .find(|(unreadable, _)| unreadable.photo_id == photo.id)
                    .map_or_else(
                        || Reason::new(ReasonCode::Internal, "the plan has no attempt left"),
                        |(_, reason)| reason.clone(),
                    );
                operations.push(OperationChange {
                    photo: photo.id.clone(),
                    kind: operation.kind,
                    state: OperationState::GaveUp,
                    allowed: operation.allowed,
                    reason: Some(reason.text.clone()),
                });
                events.push(self.event(
                    Some(&photo.id),
                    EventKind::OperationGaveUp {
                        operation: operation.kind,
                        reasons: vec![reason],
                    },
                ));
            }
        }
        if document.photos.is_empty() {
            // Nothing of it can be ordered; the next look finds what else is open.
            return self.note(|change| {
                change.operations = operations;
                change.events = events;
            });
        }
        if !provider.stays_here() {
            // A file's name may tell whose house it is.
            for photo in &mut document.photos {
                photo.file = bundle::working_photo_path(&photo.photo_id);
                for source in &mut photo.sources {
                    source.file.clone_from(&photo.file);
                }
            }
        }
        let mut beside = masks;
        if remote {
            beside.extend(bundle::write_worker(&folder)?);
            bundle::write_session(&folder, &plan.session)?;
        }
        bundle::write_order(&folder, &document, &beside)?;
        let count = u32::try_from(document.photos.len()).unwrap_or(u32::MAX);
        events.push(self.event(
            None,
            EventKind::Ordered {
                run_id: document.run_id.clone(),
                executor: executor.clone(),
                photos: count,
                parent: parent.clone(),
            },
        ));
        self.advance(JobInput::OrderWritten, |change| {
            change.operations = operations;
            change.order = Some(OrderRecord {
                number,
                run_id: document.run_id.clone(),
                executor,
                parent,
                photos: count,
                remote: None,
            });
            change.events.append(&mut events);
        })?;
        Ok(())
    }

    fn order_document(
        &self,
        plan: &Plan,
        photos: &[PhotoRecord],
        attempts: &Attempts<'_>,
        executor: &str,
        number: u32,
    ) -> JobOrder {
        let options = &self.engine.options;
        let by_id: HashMap<&PhotoId, &PhotoRecord> =
            photos.iter().map(|photo| (&photo.id, photo)).collect();
        let ordered: Vec<_> = plan
            .photos
            .iter()
            .filter_map(|planned| {
                let photo = by_id.get(&planned.photo_id)?;
                ordered_photo(planned, photo, attempts, executor)
            })
            .collect();
        JobOrder {
            schema_version: JOB_SCHEMA_VERSION,
            run_id: run_id(&self.record.id, number),
            job_id: self.record.id.clone(),
            created: None,
            parent: None,
            executor: executor.to_owned(),
            engine_version: plan.engine_version.clone(),
            style: plan.style.clone(),
            limits: OrderLimits {
                max_attempts: plan.max_attempts,
                jpeg_quality: options.jpeg_quality,
                clip_score_threshold: (executor != EMBEDDED_EXECUTOR)
                    .then_some(plan.judging.clip_score_threshold)
                    .flatten(),
                max_masked_share: (executor != EMBEDDED_EXECUTOR)
                    .then_some(plan.judging.compositing.max_masked_share),
                deadline_seconds: self.deadline_seconds(executor, &ordered),
            },
            models: None,
            photos: ordered,
        }
    }

    /// Seconds that a worker elsewhere may take: twice what its attempts are expected to, all of the
    /// ladder included, within what a session lasts.
    fn deadline_seconds(&self, executor: &str, photos: &[OrderedPhoto]) -> Option<u64> {
        let capabilities = crate::provider::capabilities(self.engine.options.threads);
        let capability = capabilities.provider(executor)?;
        let session = capability.session_seconds?;
        let expected: f64 = photos
            .iter()
            .flat_map(|photo| &photo.operations)
            .map(|operation| {
                let each = capability
                    .operations
                    .get(&operation.kind)
                    .map_or(0.0, |one| one.seconds_per_attempt);
                each * operation.attempts.len() as f64
            })
            .sum();
        let wanted = (capability.startup_seconds + 2.0 * expected).max(SHORTEST_DEADLINE);
        Some(wanted.min(session as f64).ceil() as u64)
    }

    /// The file of the photo as it is before `operation`: what is delivered of the operations before
    /// it, or the original.
    pub(super) fn base(
        &self,
        photo: &OrderedPhoto,
        operation: OperationKind,
        attempts: &Attempts<'_>,
        versions: &Versions<'_>,
    ) -> Result<Vec<u8>, Trouble> {
        let id = &photo.photo_id;
        let made = OperationKind::ALL
            .iter()
            .take_while(|&&kind| kind != operation)
            .filter_map(|&kind| {
                let attempt = versions.delivered(id, kind, attempts.of(id, kind))?;
                attempt.master.as_ref().or(attempt.image.as_ref())
            })
            .last();
        match made {
            Some(file) => fs::read(self.work.outputs().join(file)).map_err(|error| {
                Trouble::of_file(error, |error| {
                    Reason::new(ReasonCode::MissingOutput, error.to_string())
                })
            }),
            None => {
                // An order that leaves the machine does not say the photo's own name.
                let photos = self
                    .store()
                    .photos(&self.record.id)
                    .map_err(|error| Trouble::Machine(error.into()))?;
                let own = photos.iter().find(|known| &known.id == id);
                let all: Vec<&str> = photos.iter().map(|known| known.file.as_str()).collect();
                Ok(crate::provider::read_source(
                    std::path::Path::new(&self.record.source),
                    own.map_or(photo.file.as_str(), |own| own.file.as_str()),
                    id,
                    &self.engine.limits(),
                    &all,
                )?)
            }
        }
    }
}

fn ordered_photo(
    planned: &PlannedPhoto,
    photo: &PhotoRecord,
    attempts: &Attempts<'_>,
    executor: &str,
) -> Option<OrderedPhoto> {
    let mut operations = Vec::new();
    for record in &photo.operations {
        if record.executor != executor || !is_open(photo, record, attempts) {
            continue;
        }
        let finished = attempts.finished(&photo.id, record.kind);
        let reason = attempts.retry_reason(&photo.id, record.kind);
        let left: Vec<_> = planned
            .operations
            .iter()
            .filter(|operation| operation.kind == record.kind)
            .flat_map(|operation| operation.attempts_after(reason))
            .filter(|attempt| attempt.number > finished && attempt.number <= record.allowed)
            .cloned()
            .collect();
        if !left.is_empty() {
            operations.push(OrderedOperation {
                kind: record.kind,
                attempts: left,
                clip: planned
                    .operations
                    .iter()
                    .find(|operation| operation.kind == record.kind)
                    .and_then(|operation| operation.clip.clone()),
                mask: (record.kind == OperationKind::Stage && planned.mask.is_some())
                    .then(|| bundle::mask_path(&planned.photo_id)),
            });
        }
    }
    (!operations.is_empty()).then(|| OrderedPhoto {
        photo_id: planned.photo_id.clone(),
        file: planned.file.clone(),
        sources: planned.sources.clone(),
        width: planned.width,
        height: planned.height,
        room: planned.room,
        group: planned.group.clone(),
        operations,
    })
}
