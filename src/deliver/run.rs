//! The delivery as a whole: photos a few at a time, then what no longer belongs goes, then come the gallery and the
//! documents, and last the manifest.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::describe::{PhotoInWork, described, exposures_without_picture};
use super::documents::{self, CAPTIONS, DISCLOSURE_TABLE, DISCLOSURE_TEXT};
use super::error::DeliverError;
use super::folder::{Folder, Written};
use super::gallery::{self, GALLERY};
use super::manifest::{
    DeliveredAs, FileRole, MANIFEST_FILE, MANIFEST_SCHEMA_VERSION, Manifest, ManifestDocument,
    ManifestListing, ManifestProblem,
};
use super::pictures::path_of;
use super::request::{Delivered, DeliveryProblem, DeliveryRequest};
use super::wording;

/// Working memory for one pixel of a photo in flight: the decoded picture (3 bytes at 8 bits), as
/// much again for the JPEG decoder's and encoder's own buffers, and the file's bytes.
const BYTES_PER_PIXEL: u64 = 12;

/// Delivers a listing to `request.destination`. Calls `progress` with the photos done and their
/// number, and asks `interrupted` before each group of photos, both on the calling thread.
///
/// # Errors
/// [`DeliverError`] where the delivery as a whole cannot go on. What was written stays, is whole,
/// and is used by the next delivery. Photos that cannot be delivered complete are no error; they
/// stand in [`Delivered::problems`] and in the manifest.
pub fn deliver(
    request: &DeliveryRequest<'_>,
    progress: &dyn Fn(usize, usize),
    interrupted: &dyn Fn() -> bool,
) -> Result<Delivered, DeliverError> {
    let generator = concat!("remedia ", env!("CARGO_PKG_VERSION"));
    let mut photos = described(request)?;
    let mut folder = Folder::open(request.destination, &request.listing.slug)?;
    let planned: BTreeSet<String> = photos
        .iter()
        .flat_map(|photo| {
            [FileRole::Final, FileRole::Web, FileRole::OriginalWeb]
                .map(|role| path_of(role, &photo.entry.name))
        })
        .chain([CAPTIONS, DISCLOSURE_TEXT, DISCLOSURE_TABLE, GALLERY].map(str::to_owned))
        .collect();
    folder.begin(planned)?;
    let mut delivered = Delivered {
        set_aside: folder.set_aside(),
        ..Delivered::default()
    };

    let total = photos.len();
    progress(0, total);
    let mut done = 0;
    for group in groups(&mut photos, request) {
        if interrupted() {
            return Err(DeliverError::Interrupted);
        }
        group.par_iter_mut().try_for_each(|photo| {
            photo.files = photo.work(request, generator).deliver(&folder)?;
            Ok::<(), DeliverError>(())
        })?;
        done += group.len();
        progress(done, total);
    }

    let mut manifest = assemble(request, generator, photos, &mut delivered);
    // No document is written beside a picture that it does not know.
    let kept: BTreeSet<String> = manifest
        .paths()
        .chain([CAPTIONS, DISCLOSURE_TEXT, DISCLOSURE_TABLE, GALLERY])
        .map(str::to_owned)
        .collect();
    delivered.removed = folder.remove_all_but(&kept)?;
    let note = |path: &str, written: Written, delivered: &mut Delivered| match written {
        Written::Yes => delivered.written.push(path.to_owned()),
        Written::No => delivered.unchanged += 1,
    };
    let (page, written) = gallery::deliver(&manifest, request, &folder, interrupted)?;
    note(GALLERY, written, &mut delivered);
    manifest.documents.push(page);
    for (path, text) in [
        (CAPTIONS, documents::captions(&manifest)),
        (DISCLOSURE_TEXT, documents::disclosure_text(&manifest)?),
        (DISCLOSURE_TABLE, documents::disclosure_table(&manifest)),
    ] {
        let written = folder.ensure(path, text.as_bytes())?;
        note(path, written, &mut delivered);
        manifest
            .documents
            .push(document(path, text.as_bytes(), None));
    }
    manifest
        .documents
        .sort_by(|one, other| one.path.cmp(&other.path));

    let mut bytes =
        serde_json::to_vec_pretty(&manifest).map_err(|source| DeliverError::Document {
            document: MANIFEST_FILE,
            source: Box::new(source),
        })?;
    bytes.push(b'\n');
    let written = folder.ensure(MANIFEST_FILE, &bytes)?;
    note(MANIFEST_FILE, written, &mut delivered);
    folder.finish()?;
    delivered.written.sort_unstable();
    Ok(delivered)
}

/// The entry of a document.
pub(super) fn document(path: &str, bytes: &[u8], inputs: Option<String>) -> ManifestDocument {
    ManifestDocument {
        path: path.to_owned(),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        blake3: blake3::hash(bytes).to_hex().to_string(),
        inputs,
    }
}

/// Splits the photos into groups that are worked on at the same time: no more than the options
/// allow, by number and by memory.
fn groups<'g, 'a>(
    photos: &'g mut [PhotoInWork<'a>],
    request: &DeliveryRequest<'_>,
) -> Vec<&'g mut [PhotoInWork<'a>]> {
    let most = match request.options.max_in_flight {
        0 => rayon::current_num_threads(),
        most => most,
    };
    let budget = request.options.memory_budget_bytes;
    let mut groups = Vec::new();
    let mut rest = photos;
    while !rest.is_empty() {
        let mut bytes = 0_u64;
        let mut length = 0;
        for photo in rest.iter().take(most) {
            bytes = bytes.saturating_add(photo.pixels().saturating_mul(BYTES_PER_PIXEL));
            if length > 0 && bytes > budget {
                break;
            }
            length += 1;
        }
        let (group, others) = rest.split_at_mut(length);
        groups.push(group);
        rest = others;
    }
    groups
}

/// The manifest without its documents, and the sums for the caller.
fn assemble(
    request: &DeliveryRequest<'_>,
    generator: &str,
    photos: Vec<PhotoInWork<'_>>,
    delivered: &mut Delivered,
) -> Manifest {
    let mut entries = Vec::with_capacity(photos.len());
    for photo in photos {
        let PhotoInWork {
            mut entry, files, ..
        } = photo;
        for file in files.made.iter().flatten() {
            match file.written {
                Written::Yes => delivered.written.push(path_of(file.role, &entry.name)),
                Written::No => delivered.unchanged += 1,
            }
        }
        if let Some(reason) = files.problem {
            delivered.problems.push(DeliveryProblem {
                photo_id: entry.photo_id.clone(),
                file: entry.original_file.clone(),
                reason,
            });
        }
        for (file, reason) in exposures_without_picture(&entry) {
            delivered.problems.push(DeliveryProblem {
                photo_id: entry.photo_id.clone(),
                file,
                reason,
            });
        }
        let [last, ..] = &files.made;
        if last.is_some() {
            let made = files.made.iter().flatten();
            entry.files = made.map(|file| file.entry(&entry.name)).collect();
            delivered.photos += 1;
            delivered.originals += usize::from(entry.delivered == DeliveredAs::Original);
            entries.push(entry);
        }
    }
    let listing = request.listing;
    Manifest {
        schema_version: MANIFEST_SCHEMA_VERSION,
        generator: generator.to_owned(),
        job: request.job_id.clone(),
        created: request.created,
        listing: ManifestListing {
            slug: listing.slug.clone(),
            title: listing.title.clone(),
            address: listing.address.clone(),
        },
        style: request.plan.style.clone(),
        engine_version: request.plan.engine_version.clone(),
        altered: entries.iter().any(|photo| photo.disclosure.altered),
        photos: entries,
        problems: delivered
            .problems
            .iter()
            .map(|problem| ManifestProblem {
                photo_id: problem.photo_id.clone(),
                file: problem.file.clone(),
                reason: problem.reason.clone(),
            })
            .collect(),
        left_out: listing
            .left_out
            .iter()
            .map(|left_out| {
                let mut left_out = left_out.clone();
                left_out.reason = wording::without_folders(&left_out.reason);
                left_out
            })
            .collect(),
        documents: Vec::new(),
    }
}
