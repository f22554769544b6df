//! What is known of each photo before its files are made: its name, caption, operations and class.

use std::collections::HashMap;

use super::disclosure::{Basis, Disclosure, MediaAlteration, classify};
use super::error::DeliverError;
use super::manifest::{
    DeliveredAs, ManifestAttempt, ManifestOperation, ManifestPhoto, ManifestSource,
    ManifestVerdict, ManifestVersion,
};
use super::names;
use super::pictures::{PhotoFiles, PhotoWork};
use super::request::{
    DeliveredAttempt, DeliveredOperation, DeliveryPhoto, DeliveryRequest, OperationOutcome,
};
use super::wording;
use crate::domain::listing::PictureKind;
use crate::domain::operation::OperationKind;
use crate::domain::plan::PlannedPhoto;
use crate::domain::room::Room;
use crate::domain::verdict::{Reason, Verdict};

/// A photo on its way: what the manifest will say of it, and its files.
pub(super) struct PhotoInWork<'a> {
    planned: &'a PlannedPhoto,
    found: Option<&'a DeliveryPhoto>,
    pub(super) entry: ManifestPhoto,
    pub(super) files: PhotoFiles,
}

impl PhotoInWork<'_> {
    pub(super) fn work<'w>(
        &'w self,
        request: &'w DeliveryRequest<'w>,
        generator: &'w str,
    ) -> PhotoWork<'w> {
        PhotoWork {
            name: &self.entry.name,
            photo_id: &self.planned.photo_id,
            original_file: &self.planned.file,
            master: self.found.and_then(|found| found.master.as_deref()),
            source: request.source,
            listing: request.listing,
            drawing: matches!(self.planned.room, Some(Room::FloorPlan | Room::PlatMap))
                || (request.listing.photo(&self.planned.photo_id))
                    .is_some_and(|photo| photo.kind == PictureKind::Graphic),
            title: &request.listing.title,
            caption: &self.entry.caption,
            alt_text: &self.entry.alt_text,
            disclosure: &self.entry.disclosure,
            panorama: request
                .listing
                .photo(&self.planned.photo_id)
                .and_then(|photo| photo.capture.panorama.as_ref()),
            generator,
            options: &request.options,
        }
    }

    pub(super) const fn pixels(&self) -> u64 {
        self.planned.width as u64 * self.planned.height as u64
    }
}

/// Everything that is known of each photo before its files are made.
pub(super) fn described<'a>(
    request: &DeliveryRequest<'a>,
) -> Result<Vec<PhotoInWork<'a>>, DeliverError> {
    let mut found: HashMap<_, _> = request
        .photos
        .iter()
        .map(|photo| (&photo.photo_id, photo))
        .collect();
    if found.len() != request.photos.len() {
        return Err(DeliverError::Request(
            "a photo is delivered twice".to_owned(),
        ));
    }
    let rooms: Vec<_> = request.plan.photos.iter().map(|photo| photo.room).collect();
    let mut photos = Vec::with_capacity(rooms.len());
    for (index, planned) in request.plan.photos.iter().enumerate() {
        let number = u32::try_from(index + 1)
            .map_err(|_| DeliverError::Request("more photos than can be numbered".to_owned()))?;
        let found = found.remove(&planned.photo_id);
        let same_room = |room: &&Option<_>| **room == planned.room;
        let views = rooms.iter().filter(same_room).count();
        let view = rooms.iter().take(index + 1).filter(same_room).count();
        let (mut caption, mut alt_text) =
            wording::caption(planned.room, view, views, number, &request.listing.title);
        let operations = found.map_or_else(Vec::new, |found| {
            found
                .operations
                .iter()
                .map(|operation| recorded(operation, planned))
                .collect()
        });
        let delivered = match found.and_then(|found| found.master.as_ref()) {
            Some(_) => DeliveredAs::Result,
            None => DeliveredAs::Original,
        };
        let disclosure = disclosed(delivered, &operations, planned);
        // Whoever takes the caption or the alt text along takes the disclosure along.
        let staged = MediaAlteration::VirtualStagingItemAddition;
        if disclosure.media_alteration.contains(&staged) {
            for text in [&mut caption, &mut alt_text] {
                text.push_str(", ");
                text.push_str(wording::VIRTUALLY_STAGED);
            }
        }
        photos.push(PhotoInWork {
            planned,
            found,
            entry: ManifestPhoto {
                number,
                name: names::stem(number, planned),
                photo_id: planned.photo_id.clone(),
                original_file: planned.file.clone(),
                sources: planned
                    .sources
                    .iter()
                    .map(|source| ManifestSource {
                        photo_id: source.photo_id.clone(),
                        file: source.file.clone(),
                        exposure_value: source.exposure_value,
                    })
                    .collect(),
                room: planned.room,
                group: planned.group.clone(),
                caption,
                alt_text,
                delivered,
                disclosure,
                operations,
                notes: notes(request, planned),
                files: Vec::new(),
            },
            files: PhotoFiles::default(),
        });
    }
    found.values().next().map_or(Ok(photos), |photo| {
        Err(DeliverError::Request(format!(
            "photo {} is not in the plan",
            photo.photo_id
        )))
    })
}

/// What was noted of the photo when the listing was read; notes on the other exposures of a bracket name their file.
fn notes(request: &DeliveryRequest<'_>, planned: &PlannedPhoto) -> Vec<String> {
    let mut notes = Vec::new();
    for source in &planned.sources {
        let Some(photo) = request.listing.photo(&source.photo_id) else {
            continue;
        };
        for note in &photo.notes {
            let note = wording::without_folders(note);
            notes.push(if source.photo_id == planned.photo_id {
                note
            } else {
                format!("{}: {note}", crate::fsx::printable(&source.file))
            });
        }
    }
    notes
}

/// The exposures of a bracket that went into no delivered picture, each with its reason.
pub(super) fn exposures_without_picture(photo: &ManifestPhoto) -> Vec<(String, String)> {
    if photo.sources.len() < 2 {
        return Vec::new();
    }
    let enhanced = photo
        .operations
        .iter()
        .find(|operation| operation.kind == OperationKind::Enhance);
    let fused = enhanced
        .filter(|operation| operation.verdict == ManifestVerdict::Accepted)
        .map(|operation| &operation.steps);
    let reason_for = |place: usize| match (&fused, photo.delivered) {
        (Some(steps), DeliveredAs::Result) => steps
            .iter()
            .flat_map(|step| &step.left_out)
            .find(|one| usize::try_from(one.exposure).ok() == Some(place))
            .map(|one| one.reason.clone()),
        _ => Some("the exposures were not fused".to_owned()),
    };
    photo
        .sources
        .iter()
        .enumerate()
        .filter(|(_, source)| source.photo_id != photo.photo_id)
        .filter_map(|(place, source)| {
            let reason = wording::without_folders(&reason_for(place)?);
            Some((
                source.file.clone(),
                format!(
                    "it is an exposure of the bracket of `{}` and in no picture: {reason}",
                    crate::fsx::printable(&photo.original_file)
                ),
            ))
        })
        .collect()
}

/// How the delivered picture is classed, from what was really done to it.
fn disclosed(
    delivered: DeliveredAs,
    operations: &[ManifestOperation],
    planned: &PlannedPhoto,
) -> Disclosure {
    let accepted: Vec<&ManifestOperation> = operations
        .iter()
        .filter(|operation| operation.verdict == ManifestVerdict::Accepted)
        .collect();
    let kinds: Vec<OperationKind> = accepted.iter().map(|operation| operation.kind).collect();
    let mut steps = accepted
        .iter()
        .flat_map(|operation| &operation.steps)
        .peekable();
    let nothing_recorded = steps.peek().is_none();
    let (mut any, mut fused) = (
        nothing_recorded,
        nothing_recorded && planned.sources.len() > 1,
    );
    for step in steps.filter(|step| step.applied) {
        any = true;
        fused |= step.name == "exposure_fusion";
    }
    let basis = match delivered {
        DeliveredAs::Original => return classify(&[], Basis::Original),
        DeliveredAs::Result if fused => Basis::FusedBracket,
        DeliveredAs::Result if any => Basis::SingleExposure,
        DeliveredAs::Result => Basis::Original,
    };
    classify(&kinds, basis)
}

/// What the manifest says of an operation: its outcome, and the numbers of its last attempt.
fn recorded(operation: &DeliveredOperation, planned: &PlannedPhoto) -> ManifestOperation {
    let parameters = planned
        .operations
        .iter()
        .find(|planned| planned.kind == operation.kind)
        .and_then(|planned| {
            planned
                .attempts
                .iter()
                .find(|attempt| attempt.number == operation.attempts)
        })
        .map(|attempt| attempt.parameters.clone());
    ManifestOperation {
        kind: operation.kind,
        verdict: match &operation.outcome {
            OperationOutcome::Accepted => ManifestVerdict::Accepted,
            OperationOutcome::Skipped { code, reason } => ManifestVerdict::Skipped {
                code: *code,
                reason: wording::without_folders(reason),
            },
            OperationOutcome::GaveUp { reasons } => ManifestVerdict::GaveUp {
                reasons: reasons
                    .iter()
                    .map(|reason| wording::without_folders(reason))
                    .collect(),
            },
        },
        attempts: operation.attempts,
        seed: operation.seed,
        parameters,
        steps: operation
            .report
            .as_ref()
            .map_or_else(Vec::new, |report| report.steps.clone()),
        made: operation.made.iter().map(attempt).collect(),
        versions: operation
            .versions
            .iter()
            .map(|version| ManifestVersion {
                number: version.number,
                attempt: version.attempt,
                cause: version.cause,
                at: version.at,
            })
            .collect(),
    }
}

/// What the manifest says of an attempt; its picture stays where it is.
fn attempt(made: &DeliveredAttempt) -> ManifestAttempt {
    let public = |reason: &Reason| Reason {
        code: reason.code,
        text: wording::without_folders(&reason.text),
    };
    let all = |reasons: &[Reason]| reasons.iter().map(public).collect();
    ManifestAttempt {
        number: made.number,
        seed: made.seed,
        delivered: made.delivered,
        verdict: made.verdict.as_ref().map(|verdict| match verdict {
            Verdict::Accepted => Verdict::Accepted,
            Verdict::Rejected { reasons } => Verdict::Rejected {
                reasons: all(reasons),
            },
            Verdict::NeedsReview { reasons } => Verdict::NeedsReview {
                reasons: all(reasons),
            },
        }),
        failure: made.failure.as_ref().map(public),
        seconds: made.seconds,
        at: made.at,
        parameters: made.parameters.clone(),
        judgement: made.judgement.clone(),
    }
}
