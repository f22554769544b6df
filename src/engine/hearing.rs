//! What an executor tells while it works, recorded once however often it is told.

use std::collections::HashSet;

use crate::domain::event::EventKind;
use crate::domain::id::PhotoId;
use crate::domain::operation::OperationKind;
use crate::domain::results::{AttemptResult, AttemptState, OperationResult};
use crate::domain::verdict::{Reason, ReasonCode};
use crate::store::{AttemptRecord, OrderRecord, PhotoRecord};

use super::error::EngineError;
use super::session::{CurrentOrder, Session};

/// The attempts that are recorded, and the order that new ones are made under.
pub(super) struct Hearing {
    order: OrderRecord,
    ordered: HashSet<(PhotoId, OperationKind, u32)>,
    recorded: HashSet<(PhotoId, OperationKind, u32)>,
}

impl Hearing {
    pub(super) fn new(
        order: &CurrentOrder,
        photos: &[PhotoRecord],
        known: &[AttemptRecord],
    ) -> Self {
        let belongs: HashSet<&PhotoId> = photos.iter().map(|photo| &photo.id).collect();
        let ordered = order
            .document
            .photos
            .iter()
            .filter(|photo| belongs.contains(&photo.photo_id))
            .flat_map(|photo| {
                photo.operations.iter().flat_map(move |operation| {
                    operation.attempts.iter().map(move |attempt| {
                        (photo.photo_id.clone(), operation.kind, attempt.number)
                    })
                })
            })
            .collect();
        Self {
            order: order.record.clone(),
            ordered,
            recorded: known
                .iter()
                .map(|attempt| (attempt.photo.clone(), attempt.kind, attempt.number))
                .collect(),
        }
    }

    /// Records the attempts that are new.
    pub(super) fn record(
        &mut self,
        session: &Session<'_>,
        photo: &PhotoId,
        result: &OperationResult,
    ) -> Result<(), EngineError> {
        let mut change = session.change();
        for attempt in &result.attempts {
            if attempt.is_out_of_time() {
                // Whether it counts is known when all answers are.
                continue;
            }
            let key = (photo.clone(), result.kind, attempt.number);
            if !self.ordered.contains(&key) || !self.recorded.insert(key) {
                continue;
            }
            change.attempts.push(attempt_record(
                session,
                photo,
                result.kind,
                attempt,
                &self.order,
            ));
            change
                .events
                .push(session.event(Some(photo), attempt_event(result.kind, attempt)));
        }
        if change.attempts.is_empty() {
            return session.renew();
        }
        session.write(&change)?;
        session.renew()
    }
}

/// The record of an attempt that nobody has judged.
pub(super) fn attempt_record(
    session: &Session<'_>,
    photo: &PhotoId,
    kind: OperationKind,
    attempt: &AttemptResult,
    order: &OrderRecord,
) -> AttemptRecord {
    let produced = attempt.state == AttemptState::Produced;
    let (_, prefix) = session.work.run_outputs(order);
    AttemptRecord {
        photo: photo.clone(),
        kind,
        number: attempt.number,
        seed: attempt.seed,
        run_id: order.run_id.clone(),
        image: attempt
            .image
            .as_ref()
            .filter(|_| produced)
            .map(|image| format!("{prefix}{}", image.file)),
        failure: (!produced).then(|| failure(attempt)),
        verdict: None,
        clip_score: attempt.clip.as_ref().map(|clip| clip.clip_score),
        parameters: attempt.parameters.clone(),
        master: None,
        judgement: None,
        seconds: attempt.seconds,
        at: session.engine.now(),
    }
}

pub(super) fn attempt_event(kind: OperationKind, attempt: &AttemptResult) -> EventKind {
    match attempt.state {
        AttemptState::Produced => EventKind::AttemptProduced {
            operation: kind,
            number: attempt.number,
            seconds: Some(attempt.seconds),
        },
        AttemptState::Failed => EventKind::AttemptFailed {
            operation: kind,
            number: attempt.number,
            reason: failure(attempt),
        },
    }
}

pub(super) fn failure(attempt: &AttemptResult) -> Reason {
    attempt
        .reason
        .clone()
        .unwrap_or_else(|| Reason::new(ReasonCode::Internal, "the worker gave no reason"))
}
