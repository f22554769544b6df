//! Judging results: every attempt is examined and scored, then decided about, then comes what is next.
//! All verdicts of an order and the state that follows from them are one step, so a crash in between
//! leaves nothing half-judged: the step is done again and comes to the same.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::domain::event::{Event, EventKind, Stage};
use crate::domain::id::PhotoId;
use crate::domain::job::{OrderedOperation, OrderedPhoto};
use crate::domain::judgement::{Candidate, JudgingRules, best};
use crate::domain::operation::OperationKind;
use crate::domain::results::{AttemptResult, AttemptState, Results};
use crate::domain::state::{
    AttemptBudget, JobInput, OperationInput, OperationState, next_operation,
};
use crate::domain::verdict::{Reason, ReasonCode, Verdict, VersionCause};
use crate::provider::MemoryBudget;
use crate::store::{
    AssetKind, AssetRecord, AttemptRecord, OperationChange, OperationRecord, PhotoRecord,
    VersionRecord,
};

use super::documents;
use super::error::EngineError;
use super::examine::{Examined, Subject};
use super::hearing::{attempt_event, attempt_record, failure};
use super::interrupt::Interrupt;
use super::ordering::{Attempts, Versions};
use super::request::Ending;
use super::session::{CurrentOrder, Session};

/// Units examined before their pictures are scored and let go: enough to fill a batch of the scoring
/// model on every core, few enough that memory does not grow with the listing.
const CHUNK: usize = 32;

/// Bytes that examining takes for each pixel of a photo: the photo, the composite, the generated
/// pixels at its size and what compares them.
const BYTES_A_PIXEL: u64 = 16;

/// One operation on one photo of the order that is judged.
pub(super) struct Unit<'a> {
    pub(super) photo: &'a OrderedPhoto,
    pub(super) operation: &'a OrderedOperation,
    pub(super) record: &'a OperationRecord,
    /// Attempts of the answer that were ordered, in order.
    pub(super) made: Vec<&'a AttemptResult>,
}

/// What is known of a job when one of its orders is judged.
pub(super) struct Known<'a> {
    pub(super) order: &'a CurrentOrder,
    pub(super) results: &'a Results,
    pub(super) rules: &'a JudgingRules,
    pub(super) attempts: &'a Attempts<'a>,
    pub(super) versions: &'a Versions<'a>,
}

/// What was found for one operation on one photo.
struct Finding {
    change: OperationChange,
    attempts: Vec<AttemptRecord>,
    version: Option<VersionRecord>,
    events: Vec<Event>,
    masters: Vec<AssetRecord>,
}

impl Session<'_> {
    /// Judges the results of the last order and decides what comes next.
    pub(super) fn validate(
        &mut self,
        interrupt: &Interrupt,
    ) -> Result<Option<Ending>, EngineError> {
        let order = self.order()?;
        let results: Results = documents::read(&self.work.results(order.record.number))?;
        let rules = self.work.plan()?.judging;
        let mut photos = self.store().photos(&self.record.id)?;
        let recorded = self.store().attempts(&self.record.id)?;
        let attempts = Attempts::new(&recorded);
        let versions = self.store().versions(&self.record.id)?;
        let versions = Versions::new(&versions);
        let known = Known {
            order: &order,
            results: &results,
            rules: &rules,
            attempts: &attempts,
            versions: &versions,
        };
        let units = units(&known, &photos);
        let total = units.len() as u64;
        let done = AtomicU64::new(0);
        let mut findings = Vec::with_capacity(units.len());
        for chunk in units.chunks(CHUNK) {
            let Some(mut examined) = self.examine_all(&known, chunk, interrupt)? else {
                return Ok(Some(Ending::Interrupted));
            };
            self.score(&known, chunk, &mut examined)?;
            for (unit, examined) in chunk.iter().zip(examined) {
                findings.push(self.conclude(&known, unit, examined)?);
                let done = done.fetch_add(1, Ordering::SeqCst) + 1;
                self.progress(Stage::Validate, done, total);
            }
            self.renew()?;
        }
        let mut masters: Vec<AssetRecord> = self
            .store()
            .assets(&self.record.id)?
            .into_iter()
            .filter(|asset| asset.kind == AssetKind::Master)
            .collect();
        let mut change = self.change();
        for finding in findings {
            settle(&mut photos, &finding.change);
            for master in finding.masters {
                masters.retain(|known| known.path != master.path);
                masters.push(master);
            }
            change.operations.push(finding.change);
            change.attempts.extend(finding.attempts);
            change.versions.extend(finding.version);
            change.events.extend(finding.events);
        }
        let input = what_next(&photos);
        self.advance(input, |step| {
            step.operations = change.operations;
            step.attempts = change.attempts;
            step.versions = change.versions;
            step.assets = Some((AssetKind::Master, masters));
            // The verdicts first, then the state that follows from them.
            change.events.append(&mut step.events);
            step.events = change.events;
        })?;
        Ok(None)
    }

    /// Examines every attempt of these units that gave a result, on all cores; nothing where someone
    /// interrupted. The threads only carry: pixel work runs in the pool, and a thread of the pool that
    /// waited for memory could wait for itself.
    fn examine_all(
        &self,
        known: &Known<'_>,
        units: &[Unit<'_>],
        interrupt: &Interrupt,
    ) -> Result<Option<Vec<Vec<Option<Examined>>>>, EngineError> {
        let jobs: Vec<(usize, usize)> = units
            .iter()
            .enumerate()
            .flat_map(|(unit, all)| (0..all.made.len()).map(move |attempt| (unit, attempt)))
            .collect();
        let mut examined: Vec<Vec<Option<Examined>>> = units
            .iter()
            .map(|unit| unit.made.iter().map(|_| None).collect())
            .collect();
        let budget = MemoryBudget::new(self.engine.options.memory_budget_bytes);
        let next = AtomicUsize::new(0);
        let stopped = AtomicBool::new(false);
        let found = Mutex::new(Vec::with_capacity(jobs.len()));
        let carriers = match self.engine.options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        std::thread::scope(|scope| {
            for _ in 0..carriers.min(jobs.len()) {
                scope.spawn(|| {
                    while let Some(&(unit, attempt)) = jobs.get(next.fetch_add(1, Ordering::SeqCst))
                    {
                        if interrupt.is_requested() {
                            stopped.store(true, Ordering::SeqCst);
                        }
                        if stopped.load(Ordering::SeqCst) {
                            return;
                        }
                        let Some(all) = units.get(unit) else { return };
                        let Some(made) = all.made.get(attempt) else {
                            return;
                        };
                        if made.state == AttemptState::Failed {
                            continue;
                        }
                        let pixels = u64::from(all.photo.width) * u64::from(all.photo.height);
                        let _loan = budget.borrow(pixels.saturating_mul(BYTES_A_PIXEL));
                        let subject = Subject {
                            order: known.order,
                            photo: all.photo,
                            operation: all.operation,
                            attempt: made,
                            rules: known.rules,
                        };
                        let base = || {
                            self.base(
                                all.photo,
                                all.operation.kind,
                                known.attempts,
                                known.versions,
                            )
                        };
                        let outcome = self.examine(subject, &base);
                        if outcome.is_err() {
                            stopped.store(true, Ordering::SeqCst);
                        }
                        found
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((unit, attempt, outcome));
                    }
                });
            }
        });
        for (unit, attempt, outcome) in found.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let place = examined
                .get_mut(unit)
                .and_then(|attempts| attempts.get_mut(attempt));
            if let Some(place) = place {
                *place = Some(outcome?);
            }
        }
        Ok((!stopped.into_inner()).then_some(examined))
    }

    /// Decides about every attempt of a unit, and what that means for the operation.
    fn conclude(
        &self,
        known: &Known<'_>,
        unit: &Unit<'_>,
        examined: Vec<Option<Examined>>,
    ) -> Result<Finding, EngineError> {
        let id = &unit.photo.photo_id;
        let kind = unit.operation.kind;
        let earlier = known.attempts.of(id, kind);
        let mut finding = Finding {
            change: OperationChange {
                photo: id.clone(),
                kind,
                state: unit.record.state,
                allowed: unit.record.allowed,
                reason: None,
            },
            attempts: Vec::new(),
            version: None,
            events: Vec::new(),
            masters: Vec::new(),
        };
        let missing;
        let (made, examined) = if unit.made.is_empty() {
            missing = self.missing(known, unit);
            (vec![&missing], vec![None])
        } else {
            (unit.made.clone(), examined)
        };
        for (made, examined) in made.iter().zip(examined) {
            if !earlier.iter().any(|known| known.number == made.number) {
                finding
                    .events
                    .push(self.event(Some(id), attempt_event(kind, made)));
            }
            let mut record = attempt_record(self, id, kind, made, &known.order.record);
            if record.parameters.is_none() {
                record.parameters = unit
                    .operation
                    .attempts
                    .iter()
                    .find(|asked| asked.number == made.number)
                    .map(|asked| asked.parameters.clone());
            }
            if let Some(examined) = examined {
                self.decide(&mut finding, id, kind, &mut record, examined, known);
            }
            finding.attempts.push(record);
        }
        self.settle_operation(&mut finding, unit, earlier, made.last().copied())?;
        if finding.change.state == OperationState::Accepted {
            self.choose(&mut finding, id, kind, earlier, known);
        }
        Ok(finding)
    }

    /// The attempt that was asked for and not answered.
    fn missing(&self, known: &Known<'_>, unit: &Unit<'_>) -> AttemptResult {
        let id = &unit.photo.photo_id;
        let unreadable = known
            .results
            .unreadable
            .iter()
            .find(|part| part.photo_id.as_ref() == Some(id))
            .or_else(|| {
                let mut parts = known.results.unreadable.iter();
                parts.find(|part| part.photo_id.is_none())
            });
        let reason = match unreadable {
            Some(part) => Reason::new(
                ReasonCode::DamagedOutput,
                format!("the worker's answer cannot be read: {}", part.text),
            ),
            None => Reason::new(ReasonCode::MissingOutput, "the worker gave no result"),
        };
        let asked = unit.operation.attempts.first();
        AttemptResult::failed(
            asked.map_or(1, |asked| asked.number),
            asked.map_or(0, |asked| asked.seed),
            Some(reason),
        )
    }

    /// The verdict on one attempt, from what was found.
    fn decide(
        &self,
        finding: &mut Finding,
        photo: &PhotoId,
        operation: OperationKind,
        record: &mut AttemptRecord,
        examined: Examined,
        known: &Known<'_>,
    ) {
        let number = record.number;
        let Examined {
            failures,
            mut doubts,
            mut judgement,
            master,
            ..
        } = examined;
        let (verdict, event) = if !failures.is_empty() {
            let mut reasons = failures;
            reasons.append(&mut doubts);
            let event = EventKind::Rejected {
                operation,
                number,
                reasons: reasons.clone(),
            };
            (Verdict::Rejected { reasons }, event)
        } else if !doubts.is_empty() {
            let event = EventKind::ReviewNeeded {
                operation,
                number,
                reasons: doubts.clone(),
            };
            (Verdict::NeedsReview { reasons: doubts }, event)
        } else {
            (Verdict::Accepted, EventKind::Accepted { operation, number })
        };
        finding.events.push(self.event(Some(photo), event));
        judgement.worker = Some(known.results.worker.clone());
        record.clip_score = judgement
            .scores
            .as_ref()
            .and_then(|scores| scores.clip_score)
            .or(record.clip_score);
        record.judgement = Some(judgement);
        record.master = master.as_ref().map(|master| master.path.clone());
        record.verdict = Some(verdict);
        finding.masters.extend(master.map(|master| AssetRecord {
            path: format!("outputs/{}", master.path),
            ..master
        }));
    }

    /// The operation's state after these attempts.
    fn settle_operation(
        &self,
        finding: &mut Finding,
        unit: &Unit<'_>,
        earlier: &[&AttemptRecord],
        last: Option<&AttemptResult>,
    ) -> Result<(), EngineError> {
        let before = unit.record.state;
        let budget = AttemptBudget {
            made: last.map_or(0, |last| last.number),
            allowed: unit.record.allowed,
        };
        let has = |wanted: fn(&Verdict) -> bool| {
            finding
                .attempts
                .iter()
                .any(|attempt| attempt.verdict.as_ref().is_some_and(wanted))
        };
        let had = |wanted: fn(&Verdict) -> bool| {
            earlier
                .iter()
                .any(|attempt| attempt.verdict.as_ref().is_some_and(wanted))
        };
        let accepted: fn(&Verdict) -> bool = |verdict| *verdict == Verdict::Accepted;
        let doubtful: fn(&Verdict) -> bool =
            |verdict| matches!(verdict, Verdict::NeedsReview { .. });
        let produced = |state| {
            if state == OperationState::Produced {
                return Ok(state);
            }
            next_operation(state, OperationInput::Produced, budget)
        };
        if has(accepted) {
            finding.change.state =
                next_operation(produced(before)?, OperationInput::Accepted, budget)?;
            return Ok(());
        }
        if has(doubtful) {
            finding.change.state = produced(before)?;
            return Ok(());
        }
        let rejected = finding.attempts.last().and_then(|attempt| {
            match (&attempt.failure, &attempt.verdict) {
                (None, Some(Verdict::Rejected { reasons })) => Some(reasons.clone()),
                _ => None,
            }
        });
        let (state, reasons) = match (rejected, last) {
            (Some(reasons), _) => (
                next_operation(produced(before)?, OperationInput::Rejected, budget)?,
                reasons,
            ),
            (None, Some(last)) => {
                let reason = failure(last);
                let input = OperationInput::Failed {
                    permanent: reason.code.is_permanent(),
                };
                (next_operation(before, input, budget)?, vec![reason])
            }
            (None, None) => (before, Vec::new()),
        };
        finding.change.state = state;
        if state != OperationState::GaveUp {
            return Ok(());
        }
        // Another try that was no better takes nothing away.
        if had(accepted) {
            finding.change.state = next_operation(before, OperationInput::Kept, budget)?;
            return Ok(());
        }
        if had(doubtful) {
            finding.change.state = produced(before)?;
            return Ok(());
        }
        let texts: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
        finding.change.reason = Some(texts.join("; "));
        finding.events.push(self.event(
            Some(&unit.photo.photo_id),
            EventKind::OperationGaveUp {
                operation: unit.record.kind,
                reasons,
            },
        ));
        Ok(())
    }

    /// Makes the best of all passing attempts the delivered one, where it is not already.
    fn choose(
        &self,
        finding: &mut Finding,
        photo: &PhotoId,
        kind: OperationKind,
        earlier: &[&AttemptRecord],
        known: &Known<'_>,
    ) {
        let passing: Vec<Candidate<'_>> = earlier
            .iter()
            .copied()
            .chain(&finding.attempts)
            .filter(|attempt| attempt.verdict == Some(Verdict::Accepted))
            .map(|attempt| Candidate {
                number: attempt.number,
                approved: known.versions.is_approved(photo, kind, attempt.number),
                judgement: attempt.judgement.as_ref(),
            })
            .collect();
        let latest = known.versions.latest(photo, kind);
        let delivered = latest.and_then(|version| version.attempt);
        let Some(best) = best(&passing).map(|best| best.number) else {
            return;
        };
        if delivered == Some(best) {
            return;
        }
        let version = VersionRecord {
            photo: photo.clone(),
            kind,
            number: latest.map_or(0, |version| version.number) + 1,
            attempt: Some(best),
            cause: VersionCause::Accepted,
            at: self.engine.now(),
        };
        finding
            .events
            .push(self.event(Some(photo), version_event(&version)));
        finding.version = Some(version);
    }
}

/// What is told of a new version.
pub(super) const fn version_event(version: &VersionRecord) -> EventKind {
    EventKind::VersionChosen {
        operation: version.kind,
        version: version.number,
        attempt: version.attempt,
        cause: version.cause,
    }
}

/// What of the order is still to be judged.
fn units<'a>(known: &Known<'a>, photos: &'a [PhotoRecord]) -> Vec<Unit<'a>> {
    let attempts = known.attempts;
    known
        .order
        .document
        .photos
        .iter()
        .flat_map(|photo| photo.operations.iter().map(move |one| (photo, one)))
        .filter_map(|(photo, operation)| {
            let record = photos
                .iter()
                .find(|record| record.id == photo.photo_id)?
                .operations
                .iter()
                .find(|record| record.kind == operation.kind)?;
            let judged = match record.state {
                OperationState::Produced => attempts.awaits_review(&photo.photo_id, operation.kind),
                // Rejected under this order, perhaps by a person: not judged again.
                OperationState::Rejected { attempts } => operation
                    .attempts
                    .first()
                    .is_some_and(|first| first.number <= attempts),
                _ => record.state.is_settled(),
            };
            if judged {
                return None;
            }
            // Only what was ordered counts, whatever else the worker claims.
            let mut made: Vec<&AttemptResult> = Vec::new();
            for one in known
                .results
                .operation(&photo.photo_id, operation.kind)
                .into_iter()
                .flat_map(|result| &result.attempts)
            {
                let asked = operation
                    .attempts
                    .iter()
                    .any(|asked| asked.number == one.number && asked.seed == one.seed);
                if asked && !made.iter().any(|known| known.number == one.number) {
                    made.push(one);
                }
            }
            Some(Unit {
                photo,
                operation,
                record,
                made,
            })
        })
        .collect()
}

fn settle(photos: &mut [PhotoRecord], change: &OperationChange) {
    let operation = photos
        .iter_mut()
        .filter(|photo| photo.id == change.photo)
        .flat_map(|photo| &mut photo.operations)
        .find(|operation| operation.kind == change.kind);
    if let Some(operation) = operation {
        operation.state = change.state;
    }
}

/// What follows from the states of all operations.
fn what_next(photos: &[PhotoRecord]) -> JobInput {
    let any = |wanted: fn(OperationState) -> bool| {
        photos
            .iter()
            .flat_map(|photo| &photo.operations)
            .any(|operation| wanted(operation.state))
    };
    if any(|state| matches!(state, OperationState::Rejected { .. })) {
        JobInput::RetryNeeded
    } else if any(|state| state == OperationState::Pending) {
        JobInput::NextExecutor
    } else if any(|state| state == OperationState::Produced) {
        JobInput::ReviewNeeded
    } else {
        JobInput::Settled
    }
}
