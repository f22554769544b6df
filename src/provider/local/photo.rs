//! One operation on one photo by the embedded engine, and its result on disk.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::bundle::sha256;
use crate::domain::enhancement::{EnhancementReport, ExposureLeftOut, StepReport};
use crate::domain::job::{OrderedOperation, OrderedPhoto};
use crate::domain::operation::OperationKind;
use crate::domain::plan::{AttemptParameters, PlannedAttempt};
use crate::domain::results::{AttemptResult, AttemptState, OperationResult, ResultFile};
use crate::domain::verdict::{Reason, ReasonCode};
use crate::fsx::{self, fs};
use crate::imaging::{self, DecodeLimits, JpegOptions};
use crate::ingest::PhotoError;
use crate::local::{self, SourcePicture};
use crate::provider::contract::Order;
use crate::provider::source::{Unread, read_source};

/// What an attempt made.
pub(super) struct Made {
    jpeg: Vec<u8>,
    width: u32,
    height: u32,
    report: EnhancementReport,
    seconds: f64,
}

/// The stem of an attempt's files.
fn stem(photo: &OrderedPhoto, kind: OperationKind, number: u32) -> String {
    format!("{}.{kind}.{number}", photo.photo_id)
}

fn record_path(outputs: &Path, photo: &OrderedPhoto, kind: OperationKind, number: u32) -> PathBuf {
    outputs.join(format!("{}.json", stem(photo, kind, number)))
}

/// The record of this very attempt, where an earlier run left one.
pub(super) fn recorded(
    outputs: &Path,
    photo: &OrderedPhoto,
    operation: &OrderedOperation,
    attempt: &PlannedAttempt,
) -> io::Result<Option<OperationResult>> {
    let path = record_path(outputs, photo, operation.kind, attempt.number);
    let Some(bytes) = fs::read_if_there(path)? else {
        return Ok(None);
    };
    let result = serde_json::from_slice::<OperationResult>(&bytes).ok();
    Ok(result.filter(|result| {
        result.kind == operation.kind
            && result
                .attempts
                .last()
                .is_some_and(|made| made.number == attempt.number && made.seed == attempt.seed)
    }))
}

/// The record, if the picture that it names is still there with the bytes that it names.
pub(super) fn known_result(
    outputs: &Path,
    photo: &OrderedPhoto,
    operation: &OrderedOperation,
    attempt: &PlannedAttempt,
) -> io::Result<Option<OperationResult>> {
    let Some(result) = recorded(outputs, photo, operation, attempt)? else {
        return Ok(None);
    };
    for made in &result.attempts {
        if let Some(image) = &made.image {
            let Ok(path) = fsx::contained(outputs, &image.file) else {
                return Ok(None);
            };
            let whole = fs::read_if_there(path)?.is_some_and(|it| sha256(&it) == image.sha256);
            if !whole {
                return Ok(None);
            }
        }
    }
    Ok(Some(result))
}

/// Makes the picture. A photo that cannot be worked on is a reason.
///
/// # Errors
/// Where the machine does not give an original; that says nothing about the photo.
pub(super) fn make(
    order: &Order<'_>,
    photo: &OrderedPhoto,
    attempt: &PlannedAttempt,
    limits: &DecodeLimits,
    pool: &rayon::ThreadPool,
) -> Result<Result<Made, Reason>, PhotoError> {
    match read_sources(order, photo, limits)? {
        Ok(read) => Ok(make_of(read, order, photo, attempt, limits, pool)),
        Err(reason) => Ok(Err(reason)),
    }
}

/// Bytes of source files, each with its place among the sources.
type PlacedFiles = Vec<(usize, Vec<u8>)>;

/// What was read, and the exposures that are missing.
type Sources = (PlacedFiles, Vec<ExposureLeftOut>);

/// The place of the photo's own picture among the sources.
fn reference_of(photo: &OrderedPhoto) -> usize {
    photo
        .sources
        .iter()
        .position(|source| source.photo_id == photo.photo_id)
        .unwrap_or(0)
}

fn make_of(
    (files, left_out): Sources,
    order: &Order<'_>,
    photo: &OrderedPhoto,
    attempt: &PlannedAttempt,
    limits: &DecodeLimits,
    pool: &rayon::ThreadPool,
) -> Result<Made, Reason> {
    let started = Instant::now();
    let AttemptParameters::Enhancement { settings, look } = &attempt.parameters else {
        return Err(Reason::new(
            ReasonCode::ModelMissing,
            "the embedded engine has no model for this operation",
        ));
    };
    let reference = reference_of(photo);
    let quality = order.document.limits.jpeg_quality;
    let work = || -> Result<(Vec<u8>, u32, u32, EnhancementReport), Reason> {
        let mut left_out = left_out;
        let (places, sources) = decode_sources(files, photo, reference, limits, &mut left_out)?;
        let among = places.iter().position(|place| *place == reference);
        let (picture, mut report) = local::enhance(sources, among.unwrap_or(0), settings, look)
            .map_err(|error| Reason::new(ReasonCode::BadInput, error.to_string()))?;
        tell_left_out(&mut report, &places, left_out);
        let options = JpegOptions {
            quality,
            ..JpegOptions::default()
        };
        let internal = |text: String| Reason::new(ReasonCode::Internal, text);
        let jpeg = imaging::encode_jpeg(&picture, &options)
            .map_err(|error| internal(error.to_string()))?;
        let side = |side: usize| u32::try_from(side).map_err(|error| internal(error.to_string()));
        Ok((jpeg, side(picture.width)?, side(picture.height)?, report))
    };
    // A defect in pixel work must cost one photo and not the listing.
    let worked = catch_unwind(AssertUnwindSafe(|| pool.install(work)));
    let (jpeg, width, height, report) = worked.unwrap_or_else(|_| {
        Err(Reason::new(
            ReasonCode::Internal,
            "the engine broke on this photo; please report it",
        ))
    })?;
    Ok(Made {
        jpeg,
        width,
        height,
        report,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Reads the sources. A bracket goes on without an exposure that cannot be used, and says so; its reference must be
/// there.
fn read_sources(
    order: &Order<'_>,
    photo: &OrderedPhoto,
    limits: &DecodeLimits,
) -> Result<Result<Sources, Reason>, PhotoError> {
    let all: Vec<&str> = order
        .document
        .photos
        .iter()
        .flat_map(|photo| &photo.sources)
        .map(|source| source.file.as_str())
        .collect();
    let reference = reference_of(photo);
    let mut files = Vec::with_capacity(photo.sources.len());
    let mut left_out = Vec::new();
    for (place, source) in photo.sources.iter().enumerate() {
        match read_source(order.source, &source.file, &source.photo_id, limits, &all) {
            Ok(bytes) => files.push((place, bytes)),
            Err(Unread::Photo(reason)) if place != reference => {
                left_out.push(exposure_left_out(place, reason.text));
            }
            Err(Unread::Photo(reason)) => return Ok(Err(reason)),
            Err(Unread::Machine(error)) => return Err(error),
        }
    }
    Ok(Ok((files, left_out)))
}

/// The decoded sources with their places; one beside the reference that cannot be decoded is left out.
fn decode_sources(
    files: PlacedFiles,
    photo: &OrderedPhoto,
    reference: usize,
    limits: &DecodeLimits,
    left_out: &mut Vec<ExposureLeftOut>,
) -> Result<(Vec<usize>, Vec<SourcePicture>), Reason> {
    let mut places = Vec::with_capacity(files.len());
    let mut sources = Vec::with_capacity(files.len());
    for (place, bytes) in files {
        let Some(source) = photo.sources.get(place) else {
            continue;
        };
        let picture = match imaging::decode(&bytes, limits) {
            Ok(picture) => picture,
            Err(error) if place != reference => {
                left_out.push(exposure_left_out(place, error.to_string()));
                continue;
            }
            Err(error) => return Err(Reason::new(ReasonCode::BadInput, error.to_string())),
        };
        places.push(place);
        sources.push(SourcePicture {
            picture,
            iso: source.iso,
            focal_length_35mm: source.focal_length_35mm,
            exposure_value: source.exposure_value,
            light: imaging::scene_light(&bytes),
        });
    }
    Ok((places, sources))
}

fn exposure_left_out(place: usize, reason: String) -> ExposureLeftOut {
    ExposureLeftOut {
        exposure: u32::try_from(place).unwrap_or(u32::MAX),
        reason,
    }
}

/// Puts exposures that never came to the fusion into its step, and counts those that it left out among all sources.
fn tell_left_out(
    report: &mut EnhancementReport,
    places: &[usize],
    mut unread: Vec<ExposureLeftOut>,
) {
    const FUSION: &str = "exposure_fusion";
    if !unread.is_empty() && report.step(FUSION).is_none() {
        let step = StepReport::not_applied(FUSION, "one exposure alone could be read");
        report.steps.insert(0, step);
    }
    let Some(step) = report.steps.iter_mut().find(|step| step.name == FUSION) else {
        return;
    };
    for one in &mut step.left_out {
        let place = usize::try_from(one.exposure).ok();
        if let Some(place) = place.and_then(|place| places.get(place)) {
            one.exposure = u32::try_from(*place).unwrap_or(u32::MAX);
        }
    }
    step.left_out.append(&mut unread);
    step.left_out.sort_by_key(|one| one.exposure);
    if step.applied && !step.left_out.is_empty() {
        let texts: Vec<String> = step
            .left_out
            .iter()
            .map(|one| format!("exposure {} left out: {}", one.exposure + 1, one.reason))
            .collect();
        step.reason = Some(texts.join("; "));
    }
}

/// Puts the picture and then its record on disk: a record is there only if its picture is.
pub(super) fn record(
    outputs: &Path,
    photo: &OrderedPhoto,
    kind: OperationKind,
    attempt: &PlannedAttempt,
    made: Result<Made, Reason>,
) -> io::Result<OperationResult> {
    let mut result = AttemptResult::failed(attempt.number, attempt.seed, None);
    match made {
        Ok(made) => {
            let file = format!("{}.jpg", stem(photo, kind, attempt.number));
            fsx::write_atomic(&outputs.join(&file), &made.jpeg)?;
            result.state = AttemptState::Produced;
            result.image = Some(ResultFile {
                file,
                sha256: sha256(&made.jpeg),
                width: made.width,
                height: made.height,
            });
            result.report = Some(made.report);
            result.seconds = made.seconds;
        }
        Err(reason) => result.reason = Some(reason),
    }
    let result = OperationResult {
        kind,
        attempts: vec![result],
    };
    let bytes = serde_json::to_vec(&result).map_err(io::Error::other)?;
    fsx::write_atomic(&record_path(outputs, photo, kind, attempt.number), &bytes)?;
    Ok(result)
}
