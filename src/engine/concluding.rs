//! Concluding: what the findings on the attempts of one operation mean for it. Every verdict is made here
//! and nowhere else.

use crate::domain::event::{Event, EventKind};
use crate::domain::id::PhotoId;
use crate::domain::judgement::{Candidate, best};
use crate::domain::operation::OperationKind;
use crate::domain::results::AttemptResult;
use crate::domain::state::{AttemptBudget, OperationInput, OperationState, next_operation};
use crate::domain::verdict::{Reason, ReasonCode, Verdict, VersionCause};
use crate::store::{AssetRecord, AttemptRecord, OperationChange, VersionRecord};

use super::error::EngineError;
use super::examine::Examined;
use super::hearing::{attempt_event, attempt_record, failure};
use super::judging::{Known, Unit};
use super::session::Session;

/// What was found for one operation on one photo.
pub(super) struct Finding {
    pub(super) change: OperationChange,
    pub(super) attempts: Vec<AttemptRecord>,
    pub(super) version: Option<VersionRecord>,
    pub(super) events: Vec<Event>,
    pub(super) masters: Vec<AssetRecord>,
}

impl Session<'_> {
    /// Decides about every attempt of a unit, and what that means for the operation.
    pub(super) fn conclude(
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
