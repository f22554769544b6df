//! Judging results: every attempt is examined and scored, then decided about (`concluding`), then
//! comes what is next. All verdicts of an order and the state that follows from them are one step, so a crash in between
//! leaves nothing half-judged: the step is done again and comes to the same.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::domain::event::{EventKind, Stage};
use crate::domain::id::PhotoId;
use crate::domain::job::{OrderedOperation, OrderedPhoto};
use crate::domain::judgement::JudgingRules;
use crate::domain::results::{AttemptResult, AttemptState, Results};
use crate::domain::state::{JobInput, OperationState};
use crate::provider::MemoryBudget;
use crate::store::{AssetKind, AssetRecord, OperationChange, OperationRecord, PhotoRecord};

use super::documents;
use super::error::EngineError;
use super::examine::{Examined, Subject};
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
        let mut units = units(&known, &photos);
        let asked = units.len();
        leave_unreached(&results, &mut units);
        let unreached = asked - units.len();
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
        if unreached > 0 {
            let text = format!(
                "the session ended before it came to {unreached} of {asked} pictures; they are ordered again"
            );
            change
                .events
                .push(self.event(None, EventKind::Warning { text }));
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

/// Leaves out what the session did not come to, so that it is ordered again as it was: to run out of time, or to be
/// ended, is no attempt. Only where the session did something; one that did nothing must count, or a photo that ends
/// every session would be ordered for ever.
fn leave_unreached(results: &Results, units: &mut Vec<Unit<'_>>) {
    let reached = |unit: &Unit<'_>| unit.made.iter().any(|made| !made.is_out_of_time());
    if !units.iter().any(reached) {
        return;
    }
    units.retain_mut(|unit| {
        let cut = !results.complete && !is_unreadable(results, &unit.photo.photo_id);
        let unreached = if unit.made.is_empty() {
            cut
        } else {
            !reached(unit)
        };
        unit.made.retain(|made| !made.is_out_of_time());
        !unreached
    });
}

fn is_unreadable(results: &Results, photo: &PhotoId) -> bool {
    results
        .unreadable
        .iter()
        .any(|part| part.photo_id.as_ref().is_none_or(|id| id == photo))
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
