//! What makes two jobs the same: the photos by content, everything that changes a delivered byte, and
//! nothing else.

use serde::Serialize;

use crate::domain::id::PhotoId;
use crate::domain::judgement::JudgingRules;
use crate::domain::listing::Listing;
use crate::domain::operation::{OperationKind, OperationRequest};
use crate::domain::plan::{
    ClipPrompts, Decision, Plan, PlannedAttempt, PlannedRetries, RemoteSession, SkipCode,
    StyleReference,
};
use crate::domain::room::Room;

/// The numbers of the delivery that change its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryKey {
    /// JPEG quality of the finished photos.
    pub jpeg_quality: u8,
    /// Long side of the web copies in pixels.
    pub web_long_side: u32,
    /// JPEG quality of the web copies.
    pub web_quality: u8,
}

#[derive(Serialize)]
struct JobContent<'a> {
    version: u32,
    engine_version: &'a str,
    slug: &'a str,
    title: &'a str,
    address: Option<&'a str>,
    style: &'a StyleReference,
    operations: &'a OperationRequest,
    provider: &'a str,
    max_attempts: u32,
    judging: &'a JudgingRules,
    delivery: DeliveryKey,
    #[serde(skip_serializing_if = "RemoteSession::is_default")]
    session: RemoteSession,
    photos: Vec<PhotoContent<'a>>,
}

#[derive(Serialize)]
struct PhotoContent<'a> {
    photo: &'a PhotoId,
    sources: Vec<(&'a PhotoId, Option<f64>)>,
    room: Option<Room>,
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<&'a str>,
    operations: Vec<OperationContent<'a>>,
}

#[derive(Serialize)]
struct OperationContent<'a> {
    kind: OperationKind,
    executor: Option<&'a str>,
    skipped: Option<SkipCode>,
    attempts: &'a [PlannedAttempt],
    retries: &'a [PlannedRetries],
    clip: Option<&'a ClipPrompts>,
}

/// Whether something is done by the provider that is named.
fn leaves(plan: &Plan) -> bool {
    let mut operations = plan.photos.iter().flat_map(|photo| &photo.operations);
    operations.any(|operation| {
        matches!(&operation.decision, Decision::Run { executor } if *executor == plan.provider)
    })
}

/// The key of the job that carries out `plan` for `listing`: a blake3 digest over photo ids, order, rooms,
/// titles, style, numbers, seeds and engine version, over masks where something is staged, and over what a
/// session elsewhere is given where one is used. File names, paths, reasons and estimates do not count, so a
/// renamed photo or a faster machine finds the same job.
#[must_use]
pub fn job_key(listing: &Listing, plan: &Plan, delivery: DeliveryKey) -> blake3::Hash {
    let photos = plan.photos.iter().map(|photo| PhotoContent {
        photo: &photo.photo_id,
        sources: photo
            .sources
            .iter()
            .map(|source| (&source.photo_id, source.exposure_value))
            .collect(),
        room: photo.room,
        group: photo.group.as_deref(),
        mask: (photo.operations.iter())
            .any(|operation| operation.kind == OperationKind::Stage && operation.runs())
            .then(|| photo.mask.as_ref().map(|mask| mask.blake3.as_str()))
            .flatten(),
        operations: photo
            .operations
            .iter()
            .map(|operation| {
                let (executor, skipped) = match &operation.decision {
                    Decision::Run { executor } => (Some(executor.as_str()), None),
                    Decision::Skip { code, .. } => (None, Some(*code)),
                };
                OperationContent {
                    kind: operation.kind,
                    executor,
                    skipped,
                    attempts: &operation.attempts,
                    retries: &operation.retries,
                    clip: operation.clip.as_ref(),
                }
            })
            .collect(),
    });
    let content = JobContent {
        version: 2,
        engine_version: &plan.engine_version,
        slug: &listing.slug,
        title: &listing.title,
        address: listing.address.as_deref(),
        style: &plan.style,
        operations: &plan.operations,
        provider: &plan.provider,
        max_attempts: plan.max_attempts,
        judging: &plan.judging,
        delivery,
        session: if leaves(plan) {
            plan.session.clone()
        } else {
            RemoteSession::default()
        },
        photos: photos.collect(),
    };
    let mut hasher = blake3::Hasher::new_derive_key("remedia 2026 job key");
    #[expect(
        clippy::expect_used,
        reason = "texts, numbers and lists always serialise, and hashing cannot fail"
    )]
    serde_json::to_writer(&mut hasher, &content).expect("a plan is plain data");
    hasher.finalize()
}
