//! Naming the rooms that nobody named, with the CLIP model of this machine: before planning, once for
//! each photo, and only where the model is sure.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::domain::listing::{Listing, Photo, RoomOrigin};
use crate::domain::room::{Room, Setting};
use crate::fsx::{self, fs};
use crate::imaging::{self, DecodeLimits, Picture};
use crate::local::clip::{ClipError, ClipFiles, ClipModel, Embedding};
use crate::provider::{Unread, read_source};
use crate::validate::calibration::Calibration;
use crate::validate::rooms::{ROOM_PROMPTS, classify_room};

/// Changes whenever the same photo could get another name.
const NAMING_VERSION: u32 = 1;

/// Long side of the pictures that the model sees before its own preparation, in pixels.
const LONG_SIDE: usize = 672;

/// Photos decoded before the model looks at them.
const CHUNK: usize = 16;

/// What the model said of one photo, kept in the home so that it is asked once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<Room>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
}

/// Gives every photo of `listing` without a room the one that the model sees in it, with its confidence;
/// a photo that it is not sure of, or that cannot be read, keeps none. Answers are kept below `home`.
///
/// # Errors
/// [`ClipError`] where the model's files cannot be used, or the machine does not give a photo.
pub fn name_rooms(
    listing: &mut Listing,
    source: &Path,
    home: &Path,
    clip: &ClipFiles,
    limits: &DecodeLimits,
) -> Result<(), ClipError> {
    let wanted: Vec<usize> = (0..listing.photos.len())
        .filter(|&index| {
            listing.photos.get(index).is_some_and(|photo| {
                let bracket = listing.bracket_of(&photo.id);
                photo.room.is_none() && bracket.is_none_or(|all| all.reference == photo.id)
            })
        })
        .collect();
    let folder = home.join("cache").join("rooms").join(model_folder(clip));
    let mut unknown = Vec::new();
    for index in wanted {
        let Some(photo) = listing.photos.get_mut(index) else {
            continue;
        };
        match remembered(&folder, photo) {
            Some(named) => take(photo, &named),
            None => unknown.push(index),
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let model = ClipModel::load(clip)?;
    let calibration = Calibration::of(model.id());
    let texts: Vec<&str> = ROOM_PROMPTS.iter().map(|(_, prompt)| *prompt).collect();
    let descriptions = model.embed_texts(&texts)?;
    for chunk in unknown.chunks(CHUNK) {
        let mut pictures: Vec<(usize, Picture)> = Vec::with_capacity(chunk.len());
        for &index in chunk {
            let all: Vec<&str> = listing.photos.iter().map(|one| one.file.as_str()).collect();
            let Some(photo) = listing.photos.get(index) else {
                continue;
            };
            let bytes = match read_source(source, &photo.file, &photo.id, limits, &all) {
                Ok(bytes) => bytes,
                Err(Unread::Photo(_)) => continue,
                // Whoever asks again would get another name, and with it another plan.
                Err(Unread::Machine(error)) => return Err(error.into_io().into()),
            };
            let small = imaging::decode(&bytes, limits)
                .ok()
                .and_then(|picture| imaging::fit(&picture, LONG_SIDE).ok());
            pictures.extend(small.map(|small| (index, small)));
        }
        let seen: Vec<&Picture> = pictures.iter().map(|(_, picture)| picture).collect();
        let embeddings = model.embed_images(&seen)?;
        for ((index, _), embedding) in pictures.iter().zip(&embeddings) {
            let named = name(embedding, &descriptions, model.logit_scale(), &calibration);
            if let Some(photo) = listing.photos.get_mut(*index) {
                remember(&folder, photo, &named);
                take(photo, &named);
            }
        }
    }
    Ok(())
}

fn name(
    picture: &Embedding,
    descriptions: &[Embedding],
    logit_scale: f64,
    calibration: &Calibration,
) -> Named {
    let similarities: Vec<(Room, f64)> = ROOM_PROMPTS
        .iter()
        .zip(descriptions)
        .map(|((room, _), description)| (*room, picture.cosine(description)))
        .collect();
    let found = classify_room(&similarities, logit_scale, calibration)
        // A drawing is not enhanced; nobody's photo is left untouched on a model's word.
        .filter(|(room, _)| room.setting() != Setting::Other);
    Named {
        version: NAMING_VERSION,
        room: found.map(|(room, _)| room),
        confidence: found.map(|(_, confidence)| confidence),
    }
}

fn take(photo: &mut Photo, named: &Named) {
    photo.room = named.room;
    photo.room_origin = named.room.map(|_| RoomOrigin::Model);
    photo.room_confidence = named.confidence;
}

/// One folder for each model and revision: their answers are not the same.
fn model_folder(clip: &ClipFiles) -> String {
    let name = format!("{}@{}", clip.id, clip.revision);
    blake3::hash(name.as_bytes()).to_hex()[..16].to_owned()
}

fn remembered(folder: &Path, photo: &Photo) -> Option<Named> {
    let path = folder.join(format!("{}.json", photo.id));
    let named: Named = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (named.version == NAMING_VERSION).then_some(named)
}

/// An answer that cannot be kept is asked for again.
fn remember(folder: &Path, photo: &Photo, named: &Named) {
    if let Ok(bytes) = serde_json::to_vec(named)
        && fs::create_dir_all(folder).is_ok()
    {
        let _ = fsx::write_atomic(&folder.join(format!("{}.json", photo.id)), &bytes);
    }
}
