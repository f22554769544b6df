//! The gallery: one page with every picture before and after, what was done to it and what has to be
//! said of it. It carries its pictures, styles and script in itself and forbids every request, so
//! it opens from a disk, from a mail and without a network.

use data_encoding::BASE64;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::documents::{documents_syntax, what_was_done};
use super::error::DeliverError;
use super::folder::{Folder, Written};
use super::manifest::{
    DeliveredAs, FileRole, Manifest, ManifestDocument, ManifestFile, ManifestOperation,
    ManifestPhoto, ManifestVerdict,
};
use super::request::DeliveryRequest;
use super::run::document;
use super::wording;
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
    let side = longest_side(manifest);
    let inputs = inputs(manifest, side)?;
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
            .map(|photo| shown(photo, folder, &request.options.limits, side))
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
fn longest_side(manifest: &Manifest) -> usize {
    let pictures: usize = manifest
        .photos
        .iter()
        .map(|photo| match photo.delivered {
            DeliveredAs::Result => 2,
            DeliveredAs::Original => 1,
        })
        .sum();
    let pixels = PICTURE_BUDGET_BYTES / pictures.max(1) as f64 / BYTES_PER_PIXEL;
    let side = (pixels * 1.5).sqrt().clamp(SHORTEST_SIDE, LONGEST_SIDE);
    // Whole steps of 16, so that one photo more does not change every picture by a pixel.
    (side / 16.0).floor() as usize * 16
}

/// The digest of everything that the page is made from.
fn inputs(manifest: &Manifest, side: usize) -> Result<String, DeliverError> {
    let mut hasher = blake3::Hasher::new();
    for text in [PAGE, STYLE, SCRIPT] {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    }
    hasher.update(&side.to_le_bytes());
    serde_json::to_writer(&mut hasher, manifest).map_err(|source| DeliverError::Document {
        document: GALLERY,
        source: Box::new(source),
    })?;
    Ok(hasher.finalize().to_hex().to_string())
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
    is_original: bool,
    statement: &'a str,
    media_alteration: Vec<&'static str>,
    source_type: &'static str,
    done: Vec<String>,
    operations: Vec<ShownOperation>,
    before: Option<ShownPicture>,
    after: ShownPicture,
}

/// A picture in the page.
#[derive(Serialize)]
struct ShownPicture {
    width: usize,
    height: usize,
    data: Value,
}

/// One operation as the page shows it.
#[derive(Clone, Serialize)]
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
}

/// One step as the page shows it.
#[derive(Clone, Serialize)]
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
        operations: photo.operations.iter().map(shown_operation).collect(),
        before,
        after,
    })
}

fn shown_operation(operation: &ManifestOperation) -> ShownOperation {
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
    }
}

/// Marks what was not done to any photo, for one and the same reason, and gives it.
fn skipped_everywhere(photos: &mut [ShownPhoto<'_>]) -> Vec<ShownOperation> {
    let Some((first, others)) = photos.split_first() else {
        return Vec::new();
    };
    let same = |one: &ShownOperation, other: &ShownOperation| {
        (one.label, one.outcome, &one.reasons) == (other.label, other.outcome, &other.reasons)
    };
    let everywhere: Vec<ShownOperation> = first
        .operations
        .iter()
        .filter(|operation| !operation.accepted)
        .filter(|operation| {
            others
                .iter()
                .all(|photo| photo.operations.iter().any(|other| same(operation, other)))
        })
        .cloned()
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
    let mut data = String::with_capacity(jpeg.len() / 3 * 4 + 32);
    data.push_str("data:image/jpeg;base64,");
    BASE64.encode_append(&jpeg, &mut data);
    Ok(ShownPicture {
        width: small.width,
        height: small.height,
        // Base64 has no character that could end an attribute; escaping megabytes of it is waste.
        data: Value::from_safe_string(data),
    })
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
    skipped: &[ShownOperation],
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
        left_out => Value::from(Serde(&manifest.left_out)),
        problems => Value::from(Serde(&manifest.problems)),
    })
}
