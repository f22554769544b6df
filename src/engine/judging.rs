//! Judging results: is it all there, is it what the worker says, is it what was asked for. Then what
//! comes next. All verdicts of an order and the next state are one step.

use rayon::prelude::*;

use crate::bundle::sha256;
use crate::domain::event::{Event, EventKind, Stage};
use crate::domain::id::PhotoId;
use crate::domain::job::{OrderedOperation, OrderedPhoto};
use crate::domain::listing::PhotoFormat;
use crate::domain::results::{AttemptResult, AttemptState, OperationResult, Results};
use crate::domain::state::{
    AttemptBudget, JobInput, OperationInput, OperationState, next_operation,
};
use crate::domain::verdict::{Reason, ReasonCode, Verdict};
use crate::fsx;
use crate::imaging;
use crate::store::{
    AssetKind, AssetRecord, AttemptRecord, OperationChange, OperationRecord, PhotoRecord,
};

use super::documents;
use super::error::EngineError;
use super::hearing::{attempt_event, attempt_record, failure};
use super::interrupt::Interrupt;
use super::ordering::Attempts;
use super::request::Ending;
use super::session::{CurrentOrder, Session};

/// What was found for one operation on one photo.
struct Finding {
    change: OperationChange,
    attempts: Vec<AttemptRecord>,
    events: Vec<Event>,
    master: Option<AssetRecord>,
}

/// A result that passed the first gate.
struct Whole {
    blake3: String,
    bytes: u64,
}

impl Session<'_> {
    /// Judges the results of the last order and decides what comes next.
    pub(super) fn validate(
        &mut self,
        interrupt: &Interrupt,
    ) -> Result<Option<Ending>, EngineError> {
        let order = self.order()?;
        let results: Results = documents::read(&self.work.results(order.record.number))?;
        let mut photos = self.store().photos(&self.record.id)?;
        let recorded = self.store().attempts(&self.record.id)?;
        let attempts = Attempts::new(&recorded);
        let units: Vec<(&OrderedPhoto, &OrderedOperation, &OperationRecord)> = order
            .document
            .photos
            .iter()
            .flat_map(|photo| photo.operations.iter().map(move |one| (photo, one)))
            .filter_map(|(photo, ordered)| {
                let record = photos
                    .iter()
                    .find(|record| record.id == photo.photo_id)?
                    .operations
                    .iter()
                    .find(|record| record.kind == ordered.kind)?;
                let judged = match record.state {
                    OperationState::Produced => {
                        attempts.awaits_review(&photo.photo_id, ordered.kind)
                    }
                    // Rejected under this order, perhaps by a person: not judged again.
                    OperationState::Rejected { attempts } => ordered
                        .attempts
                        .first()
                        .is_some_and(|first| first.number <= attempts),
                    _ => record.state.is_settled(),
                };
                (!judged).then_some((photo, ordered, record))
            })
            .collect();
        let total = units.len() as u64;
        let done = std::sync::atomic::AtomicU64::new(0);
        let session: &Session<'_> = self;
        let findings: Result<Vec<Option<Finding>>, EngineError> = units
            .par_iter()
            .map(|(photo, ordered, record)| {
                if interrupt.is_requested() {
                    return Ok(None);
                }
                let known = attempts.of(&photo.photo_id, ordered.kind);
                let result = results.operation(&photo.photo_id, ordered.kind);
                let finding = session.judge(&order, photo, ordered, record, known, result)?;
                let done = done.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                session.progress(Stage::Validate, done, total);
                Ok(Some(finding))
            })
            .collect();
        let Some(findings) = findings?.into_iter().collect::<Option<Vec<Finding>>>() else {
            return Ok(Some(Ending::Interrupted));
        };
        let mut masters: Vec<AssetRecord> = self
            .store()
            .assets(&self.record.id)?
            .into_iter()
            .filter(|asset| asset.kind == AssetKind::Master)
            .collect();
        let mut change = self.change();
        for finding in findings {
            settle(&mut photos, &finding.change);
            if let Some(master) = finding.master {
                masters.retain(|known| known.path != master.path);
                masters.push(master);
            }
            change.operations.push(finding.change);
            change.attempts.extend(finding.attempts);
            change.events.extend(finding.events);
        }
        let input = what_next(&photos);
        self.advance(input, |step| {
            step.operations = change.operations;
            step.attempts = change.attempts;
            step.assets = Some((AssetKind::Master, masters));
            // The verdicts first, then the state that follows from them.
            change.events.append(&mut step.events);
            step.events = change.events;
        })?;
        Ok(None)
    }

    fn judge(
        &self,
        order: &CurrentOrder,
        photo: &OrderedPhoto,
        ordered: &OrderedOperation,
        record: &OperationRecord,
        known: &[&AttemptRecord],
        result: Option<&OperationResult>,
    ) -> Result<Finding, EngineError> {
        let id = &photo.photo_id;
        let mut finding = Finding {
            change: OperationChange {
                photo: id.clone(),
                kind: ordered.kind,
                state: record.state,
                allowed: record.allowed,
                reason: None,
            },
            attempts: Vec::new(),
            events: Vec::new(),
            master: None,
        };
        // Only what was ordered counts, whatever else the worker claims.
        let made: Vec<&AttemptResult> = result
            .into_iter()
            .flat_map(|result| &result.attempts)
            .filter(|made| {
                ordered
                    .attempts
                    .iter()
                    .any(|asked| asked.number == made.number && asked.seed == made.seed)
            })
            .collect();
        for made in &made {
            if !known.iter().any(|known| known.number == made.number) {
                finding
                    .events
                    .push(self.event(Some(id), attempt_event(ordered.kind, made)));
            }
            finding.attempts.push(attempt_record(
                self,
                id,
                ordered.kind,
                made,
                &order.record.run_id,
            ));
        }
        let Some(last) = made.last() else {
            let reason = Reason::new(ReasonCode::MissingOutput, "the worker gave no result");
            let asked = ordered.attempts.first();
            let missing = AttemptResult {
                number: asked.map_or(1, |asked| asked.number),
                seed: asked.map_or(0, |asked| asked.seed),
                state: AttemptState::Failed,
                reason: Some(reason),
                image: None,
                report: None,
                clip: None,
                seconds: 0.0,
            };
            finding
                .events
                .push(self.event(Some(id), attempt_event(ordered.kind, &missing)));
            finding.attempts.push(attempt_record(
                self,
                id,
                ordered.kind,
                &missing,
                &order.record.run_id,
            ));
            self.failed(&mut finding, id, record, &missing)?;
            return Ok(finding);
        };
        if last.state == AttemptState::Failed {
            self.failed(&mut finding, id, record, last)?;
            return Ok(finding);
        }
        let (verdict, whole) = self.verdict(photo, last);
        self.decided(&mut finding, id, record, last, verdict, whole)?;
        Ok(finding)
    }

    /// An attempt without a result.
    fn failed(
        &self,
        finding: &mut Finding,
        photo: &PhotoId,
        record: &OperationRecord,
        attempt: &AttemptResult,
    ) -> Result<(), EngineError> {
        let reason = failure(attempt);
        let budget = AttemptBudget {
            made: attempt.number,
            allowed: record.allowed,
        };
        let input = OperationInput::Failed {
            permanent: reason.code.is_permanent(),
        };
        finding.change.state = next_operation(record.state, input, budget)?;
        self.gave_up(finding, photo, record, vec![reason]);
        Ok(())
    }

    fn gave_up(
        &self,
        finding: &mut Finding,
        photo: &PhotoId,
        record: &OperationRecord,
        reasons: Vec<Reason>,
    ) {
        if finding.change.state != OperationState::GaveUp {
            return;
        }
        let texts: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
        finding.change.reason = Some(texts.join("; "));
        finding.events.push(self.event(
            Some(photo),
            EventKind::OperationGaveUp {
                operation: record.kind,
                reasons,
            },
        ));
    }

    /// A result and what is decided about it.
    fn decided(
        &self,
        finding: &mut Finding,
        photo: &PhotoId,
        record: &OperationRecord,
        attempt: &AttemptResult,
        verdict: Verdict,
        whole: Option<Whole>,
    ) -> Result<(), EngineError> {
        let (operation, number) = (record.kind, attempt.number);
        let budget = AttemptBudget {
            made: number,
            allowed: record.allowed,
        };
        let mut state = record.state;
        if state != OperationState::Produced {
            state = next_operation(state, OperationInput::Produced, budget)?;
        }
        match &verdict {
            Verdict::Accepted => {
                state = next_operation(state, OperationInput::Accepted, budget)?;
                finding
                    .events
                    .push(self.event(Some(photo), EventKind::Accepted { operation, number }));
                if let (Some(image), Some(whole)) = (&attempt.image, whole) {
                    finding.master = Some(AssetRecord {
                        kind: AssetKind::Master,
                        path: format!("outputs/{}", image.file),
                        blake3: whole.blake3,
                        bytes: whole.bytes,
                    });
                }
            }
            Verdict::Rejected { reasons } => {
                state = next_operation(state, OperationInput::Rejected, budget)?;
                finding.events.push(self.event(
                    Some(photo),
                    EventKind::Rejected {
                        operation,
                        number,
                        reasons: reasons.clone(),
                    },
                ));
            }
            Verdict::NeedsReview { reasons } => {
                finding.events.push(self.event(
                    Some(photo),
                    EventKind::ReviewNeeded {
                        operation,
                        number,
                        reasons: reasons.clone(),
                    },
                ));
            }
        }
        finding.change.state = state;
        if let Verdict::Rejected { reasons } = &verdict {
            self.gave_up(finding, photo, record, reasons.clone());
        }
        if let Some(record) = finding
            .attempts
            .iter_mut()
            .find(|record| record.number == number)
        {
            record.verdict = Some(verdict);
        }
        Ok(())
    }

    fn verdict(&self, photo: &OrderedPhoto, attempt: &AttemptResult) -> (Verdict, Option<Whole>) {
        let whole = match self.integrity(photo, attempt) {
            Ok(whole) => whole,
            Err(reason) => {
                return (
                    Verdict::Rejected {
                        reasons: vec![reason],
                    },
                    None,
                );
            }
        };
        let options = &self.engine.options;
        let verdict = match attempt.clip.as_ref().map(|clip| clip.clip_score) {
            Some(score) if score < options.clip_score_threshold || score.is_nan() => {
                Verdict::Rejected {
                    reasons: vec![score_reason(score, options.clip_score_threshold)],
                }
            }
            Some(score) if score < options.clip_score_review => Verdict::NeedsReview {
                reasons: vec![score_reason(score, options.clip_score_review)],
            },
            _ => Verdict::Accepted,
        };
        (verdict, Some(whole))
    }

    /// The first gate: a picture, of the planned size, with the bytes that the worker names.
    fn integrity(&self, photo: &OrderedPhoto, attempt: &AttemptResult) -> Result<Whole, Reason> {
        let missing = |text: String| Reason::new(ReasonCode::MissingOutput, text);
        let image = attempt
            .image
            .as_ref()
            .ok_or_else(|| missing("the worker names no picture".to_owned()))?;
        let path = fsx::contained(&self.work.outputs(), &image.file)
            .map_err(|error| missing(error.to_string()))?;
        let limit = self.engine.options.max_file_bytes;
        let size = fs_err::metadata(&path)
            .map_err(|_| missing(format!("`{}` is not there", fsx::printable(&image.file))))?
            .len();
        if size > limit {
            return Err(Reason::new(
                ReasonCode::DamagedOutput,
                format!("the picture has {size} bytes, more than the limit of {limit}"),
            ));
        }
        let bytes = fs_err::read(&path).map_err(|error| missing(error.to_string()))?;
        if sha256(&bytes) != image.sha256 {
            return Err(Reason::new(
                ReasonCode::HashMismatch,
                "the picture's bytes are not the ones that the worker names",
            ));
        }
        let damaged = |text: String| Reason::new(ReasonCode::DamagedOutput, text);
        let header = imaging::probe(&bytes).map_err(|error| damaged(error.to_string()))?;
        if header.format != PhotoFormat::Jpeg {
            return Err(damaged("the picture is no JPEG".to_owned()));
        }
        imaging::check_complete(&bytes, header.format)
            .map_err(|error| damaged(error.to_string()))?;
        if (header.width, header.height) != (photo.width, photo.height) {
            return Err(Reason::new(
                ReasonCode::SizeMismatch,
                format!(
                    "the picture has {} x {} pixels instead of {} x {}",
                    header.width, header.height, photo.width, photo.height
                ),
            ));
        }
        Ok(Whole {
            blake3: blake3::hash(&bytes).to_hex().to_string(),
            bytes: size,
        })
    }
}

fn score_reason(score: f64, wanted: f64) -> Reason {
    Reason::new(
        ReasonCode::PromptScore,
        format!("the CLIP score is {score:.1}, wanted are {wanted:.1}"),
    )
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
