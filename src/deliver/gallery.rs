//! The gallery: one page with every picture before and after, what was done to it and what has to be
//! said of it. It carries its pictures, styles and script in itself and forbids every request, so
//! it opens from a disk, from a mail and without a network.

use std::collections::HashMap;

use data_encoding::BASE64;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::attempts::{self, ShownAttempt};
use super::disclosure::MediaAlteration;
use super::documents::{documents_syntax, what_was_done};
use super::drawing::{self, Drawing};
use super::error::DeliverError;
use super::folder::{Folder, Written};
use super::manifest::{
    DeliveredAs, FileRole, Manifest, ManifestDocument, ManifestFile, ManifestOperation,
    ManifestPhoto, ManifestVerdict,
};
use super::request::{DeliveredAttempt, DeliveryPhoto, DeliveryRequest};
use super::run::document;
use super::thumbnail::{bytes_each, thumbnail};
use super::wording;
use crate::domain::id::PhotoId;
use crate::domain::operation::OperationKind;
use crate::fsx::fs;
use crate::imaging::{self, DecodeLimits, JpegOptions};

/// File name of the gallery.
pub(super) const GALLERY: &str = "gallery.html";

const PAGE: &str = include_str!("../../templates/gallery.html");
const STYLE: &str = include_str!("../../templates/gallery.css");
const SCRIPT: &str = include_str!("../../templates/gallery.js");

/// JPEG quality of the pictures in the page.
const PREVIEW_QUALITY: u8 = 75;
/// Longest side of the pictures in the page, in pixels, where there are few.
const LONGEST_SIDE: f64 = 1280.0;
/// Shortest that the longest side becomes, however many there are.
const SHORTEST_SIDE: f64 = 320.0;
/// Size that the pictures of the page are meant to stay within, before they are written as text,
/// which takes a third more: the page then has about 40 MB.
const PICTURE_BUDGET_BYTES: f64 = 29e6;
/// Bytes a pixel takes at [`PREVIEW_QUALITY`] in a noisy original; most take half.
const BYTES_PER_PIXEL: f64 = 0.25;

/// Makes the page, or keeps it where nothing that it shows has changed. The manifest has no
/// documents yet.
pub(super) fn deliver(
    manifest: &Manifest,
    request: &DeliveryRequest<'_>,
    folder: &Folder<'_>,
    interrupted: &dyn Fn() -> bool,
) -> Result<(ManifestDocument, Written), DeliverError> {
    let pictures = Pictures::of(request);
    let side = longest_side(manifest, &pictures);
    let inputs = inputs(manifest, side, &pictures)?;
    if let Some(entry) = folder.reusable_document(GALLERY, &inputs) {
        return Ok((entry, Written::No));
    }
    let mut photos = Vec::with_capacity(manifest.photos.len());
    let at_once = match request.options.max_in_flight {
        0 => rayon::current_num_threads(),
        most => most,
    };
    for group in manifest.photos.chunks(at_once) {
        if interrupted() {
            return Err(DeliverError::Interrupted);
        }
        let shown: Result<Vec<_>, DeliverError> = group
            .par_iter()
            .map(|photo| shown(photo, folder, &request.options.limits, side, &pictures))
            .collect();
        photos.extend(shown?);
    }
    let skipped = skipped_everywhere(&mut photos);
    let page = render(manifest, &photos, &skipped).map_err(|source| DeliverError::Document {
        document: GALLERY,
        source: Box::new(source),
    })?;
    drop(photos);
    let written = folder.ensure(GALLERY, page.as_bytes())?;
    Ok((document(GALLERY, page.as_bytes(), Some(inputs)), written))
}

/// The longest side of a picture in the page: smaller where there are many, so that the page stays
/// within what a browser opens at ease.
fn longest_side(manifest: &Manifest, attempts: &Pictures<'_>) -> usize {
    let pictures: usize = manifest
        .photos
        .iter()
        .map(|photo| match photo.delivered {
            DeliveredAs::Result => 2,
            DeliveredAs::Original => 1,
        })
        .sum();
    let thumbnails = attempts.count * bytes_each(attempts.count);
    let budget = PICTURE_BUDGET_BYTES - thumbnails as f64;
    let pixels = budget / pictures.max(1) as f64 / BYTES_PER_PIXEL;
    let side = (pixels * 1.5).sqrt().clamp(SHORTEST_SIDE, LONGEST_SIDE);
    // Whole steps of 16, so that one photo more does not change every picture by a pixel.
    (side / 16.0).floor() as usize * 16
}

/// The digest of everything that the page is made from.
fn inputs(
    manifest: &Manifest,
    side: usize,
    pictures: &Pictures<'_>,
) -> Result<String, DeliverError> {
    let mut hasher = blake3::Hasher::new();
    for text in [PAGE, STYLE, SCRIPT] {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    }
    hasher.update(&side.to_le_bytes());
    // An attempt's file is written once, so that its size says whether it is there and whole.
    for attempt in pictures.all() {
        let size = attempt
            .picture
            .as_ref()
            .and_then(|path| fs::symlink_metadata(path).ok())
            .map_or(u64::MAX, |about| about.len());
        hasher.update(&size.to_le_bytes());
    }
    serde_json::to_writer(&mut hasher, manifest).map_err(|source| DeliverError::Document {
        document: GALLERY,
        source: Box::new(source),
    })?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// The pictures of attempts, where they lie.
struct Pictures<'a> {
    photos: HashMap<&'a PhotoId, &'a DeliveryPhoto>,
    in_order: &'a [DeliveryPhoto],
    count: usize,
}

impl<'a> Pictures<'a> {
    fn of(request: &DeliveryRequest<'a>) -> Self {
        let mut pictures = Self {
            photos: request
                .photos
                .iter()
                .map(|photo| (&photo.photo_id, photo))
                .collect(),
            in_order: request.photos,
            count: 0,
        };
        pictures.count = pictures
            .all()
            .filter(|attempt| attempt.picture.is_some())
            .count();
        pictures
    }

    fn all(&self) -> impl Iterator<Item = &'a DeliveredAttempt> {
        self.in_order
            .iter()
            .flat_map(|photo| &photo.operations)
            .flat_map(|operation| &operation.made)
    }

    /// The thumbnail of an attempt, where its picture is there and is one.
    fn thumbnail(
        &self,
        photo: &PhotoId,
        kind: OperationKind,
        number: u32,
        limits: &DecodeLimits,
    ) -> Result<Option<ShownPicture>, DeliverError> {
        let path = self.photos.get(photo).and_then(|photo| {
            photo
                .operations
                .iter()
                .filter(|operation| operation.kind == kind)
                .flat_map(|operation| &operation.made)
                .find(|attempt| attempt.number == number)?
                .picture
                .as_ref()
        });
        match path {
            Some(path) => thumbnail(path, limits, bytes_each(self.count)),
            None => Ok(None),
        }
    }
}

/// One photo as the page shows it.
#[derive(Serialize)]
struct ShownPhoto<'a> {
    number: u32,
    name: &'a str,
    caption: &'a str,
    alt_text: &'a str,
    room: Option<&'static str>,
    original_file: &'a str,
    exposures: usize,
    final_path: &'a str,
    final_width: u32,
    final_height: u32,
    altered: bool,
    staged: bool,
    is_original: bool,
    statement: &'a str,
    media_alteration: Vec<&'static str>,
    source_type: &'static str,
    done: Vec<String>,
    notes: &'a [String],
    operations: Vec<ShownOperation>,
    /// What the gates found on the delivered attempt.
    findings: Option<Drawing>,
    before: Option<ShownPicture>,
    after: ShownPicture,
}

/// A picture in the page.
#[derive(Serialize)]
pub(super) struct ShownPicture {
    pub(super) width: usize,
    pub(super) height: usize,
    data: Value,
}

impl ShownPicture {
    /// A JPEG with its size in pixels, as a data address.
    pub(super) fn new(jpeg: &[u8], width: usize, height: usize) -> Self {
        let mut data = String::with_capacity(jpeg.len() / 3 * 4 + 32);
        data.push_str("data:image/jpeg;base64,");
        BASE64.encode_append(jpeg, &mut data);
        Self {
            width,
            height,
            // Base64 has no character that could end an attribute; escaping megabytes of it is waste.
            data: Value::from_safe_string(data),
        }
    }
}

/// One operation as the page shows it.
#[derive(Serialize)]
struct ShownOperation {
    label: &'static str,
    accepted: bool,
    /// Whether it ended in the same way, for the same reason, for every photo: then the page says
    /// so once.
    everywhere: bool,
    outcome: &'static str,
    reasons: Vec<String>,
    attempts: u32,
    /// As text: a script that reads it as a number would round it.
    seed: Option<String>,
    steps: Vec<ShownStep>,
    made: Vec<ShownAttempt>,
    /// Whether there are attempts and none was good enough: then each says why.
    none_passed: bool,
}

/// What was not done to any photo, for one and the same reason.
#[derive(Serialize)]
struct LeftOutEverywhere {
    label: &'static str,
    outcome: &'static str,
    reasons: Vec<String>,
}

/// One step as the page shows it.
#[derive(Serialize)]
struct ShownStep {
    label: String,
    applied: bool,
    values: Vec<(String, String)>,
    reason: Option<String>,
}

fn shown<'a>(
    photo: &'a ManifestPhoto,
    folder: &Folder<'_>,
    limits: &DecodeLimits,
    side: usize,
    pictures: &Pictures<'_>,
) -> Result<ShownPhoto<'a>, DeliverError> {
    let file = |role| photo.files.iter().find(|file| file.role == role);
    let picture = |file: &ManifestFile| preview(file, folder, limits, side);
    let missing = || DeliverError::Request(format!("photo {} has no files", photo.name));
    let last = file(FileRole::Final).ok_or_else(missing)?;
    let after = picture(file(FileRole::Web).ok_or_else(missing)?)?;
    let before = match (photo.delivered, file(FileRole::OriginalWeb)) {
        (DeliveredAs::Result, Some(original)) => Some(picture(original)?),
        _ => None,
    };
    Ok(ShownPhoto {
        number: photo.number,
        name: &photo.name,
        caption: &photo.caption,
        alt_text: &photo.alt_text,
        room: photo.room.map(|room| room.name()),
        original_file: &photo.original_file,
        exposures: photo.sources.len(),
        final_path: &last.path,
        final_width: last.width,
        final_height: last.height,
        altered: photo.disclosure.altered,
        staged: photo
            .disclosure
            .media_alteration
            .contains(&MediaAlteration::VirtualStagingItemAddition),
        is_original: photo.delivered == DeliveredAs::Original,
        statement: &photo.disclosure.statement,
        media_alteration: photo
            .disclosure
            .media_alteration
            .iter()
            .map(|alteration| alteration.name())
            .collect(),
        source_type: photo.disclosure.digital_source_type.code(),
        done: what_was_done(photo),
        notes: &photo.notes,
        operations: photo
            .operations
            .iter()
            .map(|operation| {
                let made = attempts::shown(operation, |number| {
                    pictures.thumbnail(&photo.photo_id, operation.kind, number, limits)
                })?;
                Ok(shown_operation(operation, made))
            })
            .collect::<Result<_, DeliverError>>()?,
        findings: drawing::drawing_of_delivered(&photo.operations, after.width, after.height),
        before,
        after,
    })
}

fn shown_operation(operation: &ManifestOperation, made: Vec<ShownAttempt>) -> ShownOperation {
    let (accepted, outcome, reasons) = match &operation.verdict {
        ManifestVerdict::Accepted => (true, "accepted", Vec::new()),
        ManifestVerdict::Skipped { reason, .. } => (false, "skipped", vec![reason.clone()]),
        ManifestVerdict::GaveUp { reasons } => (false, "given up", reasons.clone()),
    };
    ShownOperation {
        label: wording::operation_label(operation.kind),
        accepted,
        everywhere: false,
        outcome,
        reasons,
        attempts: operation.attempts,
        seed: operation.seed.map(|seed| seed.to_string()),
        steps: operation
            .steps
            .iter()
            .map(|step| ShownStep {
                label: wording::step_label(&step.name),
                applied: step.applied,
                values: wording::step_values(step),
                reason: step.reason.clone(),
            })
            .collect(),
        none_passed: !made.is_empty() && made.iter().all(|attempt| !attempt.passed),
        made,
    }
}

/// Marks what was not done to any photo, for one and the same reason, and gives it.
fn skipped_everywhere(photos: &mut [ShownPhoto<'_>]) -> Vec<LeftOutEverywhere> {
    let Some((first, others)) = photos.split_first() else {
        return Vec::new();
    };
    let same = |operation: &ShownOperation, everywhere: &LeftOutEverywhere| {
        (operation.label, operation.outcome, &operation.reasons)
            == (everywhere.label, everywhere.outcome, &everywhere.reasons)
    };
    let everywhere: Vec<LeftOutEverywhere> = first
        .operations
        .iter()
        .filter(|operation| !operation.accepted)
        .map(|operation| LeftOutEverywhere {
            label: operation.label,
            outcome: operation.outcome,
            reasons: operation.reasons.clone(),
        })
        .filter(|everywhere| {
            others.iter().all(|photo| {
                let mut operations = photo.operations.iter();
                operations.any(|operation| same(operation, everywhere))
            })
        })
        .collect();
    for operation in photos.iter_mut().flat_map(|photo| &mut photo.operations) {
        operation.everywhere = everywhere.iter().any(|other| same(operation, other));
    }
    everywhere
}

/// A small copy of a delivered web picture as a data address. It is made from the delivered file
/// and not from the pixels that the file was made from, so that a page is the same whether the file
/// was made just now or long ago.
fn preview(
    file: &ManifestFile,
    folder: &Folder<'_>,
    limits: &DecodeLimits,
    side: usize,
) -> Result<ShownPicture, DeliverError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| DeliverError::Encode {
        file: GALLERY.to_owned(),
        source,
    };
    let bytes = folder.read(&file.path)?;
    let picture = imaging::decode(&bytes, limits).map_err(|error| failed(Box::new(error)))?;
    let small = imaging::fit(&picture, side).map_err(|error| failed(Box::new(error)))?;
    let options = JpegOptions {
        quality: PREVIEW_QUALITY,
        ..JpegOptions::default()
    };
    let jpeg = imaging::encode_jpeg(&small, &options).map_err(|error| failed(Box::new(error)))?;
    Ok(ShownPicture::new(&jpeg, small.width, small.height))
}

/// A message as a sentence: a capital at the beginning and a full stop at the end.
fn sentence(text: String) -> String {
    let mut letters = text.chars();
    let mut sentence = letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    });
    if !sentence.is_empty() && !sentence.ends_with(['.', '!', '?', '…']) {
        sentence.push('.');
    }
    sentence
}

/// The hash by which a content security policy lets exactly this text in.
fn policy_hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)))
}

fn render(
    manifest: &Manifest,
    photos: &[ShownPhoto<'_>],
    skipped: &[LeftOutEverywhere],
) -> Result<String, minijinja::Error> {
    let policy = format!(
        "default-src 'none'; img-src data:; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        policy_hash(STYLE),
        policy_hash(SCRIPT)
    );
    let mut environment = Environment::new();
    environment.set_syntax(documents_syntax()?);
    environment.add_filter("sentence", sentence);
    environment.add_template(GALLERY, PAGE)?;
    let altered = photos.iter().filter(|photo| photo.altered).count();
    let originals = photos.iter().filter(|photo| photo.is_original).count();
    let any_made = photos
        .iter()
        .flat_map(|photo| &photo.operations)
        .any(|operation| !operation.made.is_empty());
    environment.get_template(GALLERY)?.render(context! {
        policy => Value::from_safe_string(policy),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        title => manifest.listing.title.as_str(),
        address => manifest.listing.address.as_deref(),
        generator => manifest.generator.as_str(),
        engine_version => manifest.engine_version.as_str(),
        job => manifest.job.as_str(),
        style_name => manifest.style.name.as_str(),
        photos => Value::from(Serde(photos)),
        skipped_everywhere => Value::from(Serde(skipped)),
        altered,
        originals,
        any_made,
        left_out => Value::from(Serde(&manifest.left_out)),
        problems => Value::from(Serde(&manifest.problems)),
    })
}
