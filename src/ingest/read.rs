//! The reading of a folder, step by step: list, read in parallel, remove duplicates, state rooms
//! and order, find brackets.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering as Atomic};

use rayon::prelude::*;

use super::beside::set_aside;
use super::bracket;
use super::error::{IngestError, ListingFileError};
use super::folder::{self, Candidate, natural_order};
use super::listing_file::{self, ListingFile, StatedPhoto, nearest, same_file};
use super::mask;
use super::near_miss::near_misses;
use super::options::{BracketMode, IngestOptions};
use super::own;
use super::pattern::fits;
use super::photo::{self, Examined, Faults, Glance};
use super::room_name::{group_from_name, room_from_name};
use crate::domain::id::slug;
use crate::domain::listing::{
    LISTING_SCHEMA_VERSION, LeftOut, LeftOutCode, Listing, Photo, RoomOrigin,
};
use crate::fsx::{fs, printable};

/// Reads a folder of photos. `progress` is called from several threads with the number of photos
/// done and the number of all.
///
/// # Errors
/// [`IngestError`] where the folder as a whole is no listing. Single files that cannot be used are
/// rows of [`Listing::left_out`].
pub fn read_listing(
    folder: &Path,
    options: &IngestOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Listing, IngestError> {
    let root = canonical(folder)?;
    let stated = listing_file::read(folder, &root)?;
    let walk = folder::walk(folder, &root, options)?;
    let mut left_out = walk.left_out;
    let mut notes: Vec<String> = own::told(&walk.skipped).into_iter().collect();
    let folders = walk
        .candidates
        .iter()
        .filter_map(|candidate| Some(candidate.file.rsplit_once('/')?.0.to_owned()))
        .collect();
    notes.append(&mut near_misses(folder, &folders));
    let known: Vec<String> = walk
        .candidates
        .iter()
        .map(|candidate| candidate.file.clone())
        .collect();
    check_stated_files(&stated, &known, folder)?;
    let is_stated = |file: &str| stated_photo(&stated, file).is_some();
    let (candidates, beside) = set_aside(walk.candidates, &is_stated);
    let candidates = without_masks(candidates, &stated);
    let faults = Faults::default();
    let wanted = glance_at_all(candidates, &stated, &root, options, &mut left_out, &faults);
    let examined = examine_all(&wanted, &root, options, progress, &faults);
    faults.check(folder)?;

    // Brackets of a stated size count files, and one that cannot be used keeps its place in the
    // count; a file of another format was never one of them.
    let mut slots: Vec<Option<Examined>> = Vec::new();
    let mut first_with: HashMap<String, String> = HashMap::new();
    for outcome in examined {
        match outcome {
            Ok(one) => match first_with.get(one.photo.id.as_str()) {
                Some(first) => {
                    left_out.push(LeftOut {
                        file: printable(&one.photo.file),
                        code: LeftOutCode::Duplicate,
                        reason: format!("it has the same content as `{}`", printable(first)),
                    });
                    slots.push(None);
                }
                None => {
                    let id = one.photo.id.as_str().to_owned();
                    first_with.insert(id, one.photo.file.clone());
                    slots.push(Some(one));
                }
            },
            Err(row) => {
                if row.code != LeftOutCode::UnsupportedFormat {
                    slots.push(None);
                }
                left_out.push(row);
            }
        }
    }
    left_out.sort_by(|left, right| natural_order(&left.file, &right.file));
    if slots.iter().all(Option::is_none) {
        return Err(IngestError::NoPhotos {
            folder: folder.to_path_buf(),
            found: match walk.own {
                Some(own) => format!(
                    "it is {own}, whose pictures are not read as photos; give the folder that holds the photos"
                ),
                None => describe_nothing(&left_out, options.recursive),
            },
        });
    }
    let mode = options
        .brackets
        .or(stated.brackets)
        .unwrap_or(BracketMode::Auto);
    let found = bracket::find(&slots, mode, &stated.groups)?;
    for (index, note) in found.notes {
        if let Some(Some(one)) = slots.get_mut(index) {
            one.photo.notes.push(note);
        }
    }
    let mut brackets = found.brackets;
    let mut photos: Vec<Photo> = slots.into_iter().flatten().map(|one| one.photo).collect();
    state_rooms(&mut photos, &stated, options, &known)?;
    mask::state_masks(&mut photos, &stated, &root, options)?;
    arrange(&mut photos, &stated);
    let place: HashMap<&str, usize> = photos
        .iter()
        .enumerate()
        .map(|(index, photo)| (photo.id.as_str(), index))
        .collect();
    brackets.sort_by_key(|bracket| place.get(bracket.reference.as_str()).copied());
    let title = options
        .title
        .clone()
        .or(stated.title)
        .unwrap_or_else(|| title_from_folder(&root));
    Ok(Listing {
        schema_version: LISTING_SCHEMA_VERSION,
        slug: slug(&title),
        title,
        address: stated.address,
        photos,
        brackets,
        left_out,
        notes,
        beside,
    })
}

fn canonical(folder: &Path) -> Result<PathBuf, IngestError> {
    let unreadable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => IngestError::Missing(folder.to_path_buf()),
        std::io::ErrorKind::NotADirectory => IngestError::NotAFolder(folder.to_path_buf()),
        _ => IngestError::Unreadable {
            folder: folder.to_path_buf(),
            source,
        },
    };
    let root = fs::canonicalize(folder).map_err(unreadable)?;
    if !fs::metadata(&root).map_err(unreadable)?.is_dir() {
        return Err(IngestError::NotAFolder(folder.to_path_buf()));
    }
    Ok(root)
}

/// Every file that `listing.toml` names must be there: a misspelt name would silently do nothing.
fn check_stated_files(
    stated: &ListingFile,
    known: &[String],
    folder: &Path,
) -> Result<(), IngestError> {
    let photos = stated
        .photos
        .iter()
        .enumerate()
        .map(|(index, photo)| (format!("[[photo]] number {}, file", index + 1), &photo.file));
    let groups = stated.groups.iter().enumerate().flat_map(|(index, files)| {
        let key = format!("[[bracket]] number {}, files", index + 1);
        files.iter().map(move |file| (key.clone(), file))
    });
    let masks = stated.photos.iter().enumerate();
    for (index, mask) in masks.filter_map(|(index, photo)| Some((index, photo.mask.as_ref()?))) {
        let is_photo = |file: &String| same_file(file, mask);
        if stated.photos.iter().map(|photo| &photo.file).any(is_photo)
            || stated.groups.iter().flatten().any(is_photo)
        {
            return Err(IngestError::ListingFile {
                file: folder.join(listing_file::NAME),
                source: ListingFileError::Value {
                    key: format!("[[photo]] number {}, mask", index + 1),
                    problem: format!("`{}` is named as a photo too", printable(mask)),
                },
            });
        }
    }
    for (key, file) in photos.chain(groups) {
        if !known.iter().any(|known| same_file(known, file)) {
            let nearest = nearest(file, known.iter().map(String::as_str));
            return Err(IngestError::ListingFile {
                file: folder.join(listing_file::NAME),
                source: ListingFileError::UnknownFile {
                    key,
                    file: printable(file),
                    nearest: nearest
                        .map(|name| format!("; nearest is `{}`", printable(&name)))
                        .unwrap_or_default(),
                },
            });
        }
    }
    Ok(())
}

/// The files that are not named as somebody's mask: a mask is a picture and no photo.
fn without_masks(candidates: Vec<Candidate>, stated: &ListingFile) -> Vec<Candidate> {
    let is_mask = |file: &str| {
        let mut masks = stated
            .photos
            .iter()
            .filter_map(|photo| photo.mask.as_deref());
        masks.any(|mask| same_file(mask, file))
    };
    candidates
        .into_iter()
        .filter(|candidate| !is_mask(&candidate.file))
        .collect()
}

/// Keeps the files whose first bytes are those of a photo, up to the allowed number.
fn glance_at_all(
    candidates: Vec<Candidate>,
    stated: &ListingFile,
    root: &Path,
    options: &IngestOptions,
    left_out: &mut Vec<LeftOut>,
    faults: &Faults,
) -> Vec<Candidate> {
    let glances: Vec<Glance> = candidates
        .par_iter()
        .map(|candidate| photo::glance(candidate, root, faults))
        .collect();
    let mut wanted = Vec::new();
    for (candidate, glance) in candidates.into_iter().zip(glances) {
        let row = |code, reason: String| LeftOut {
            file: printable(&candidate.file),
            code,
            reason,
        };
        match glance {
            Glance::NotAPicture => {}
            Glance::LeftOut(row) => left_out.push(row),
            Glance::Photo if stated_photo(stated, &candidate.file).is_some_and(|it| it.skip) => {
                left_out.push(row(
                    LeftOutCode::SkippedByListingFile,
                    "`listing.toml` says `skip = true`".to_owned(),
                ));
            }
            Glance::Photo if wanted.len() >= options.max_photos => left_out.push(row(
                LeftOutCode::BeyondLimits,
                format!(
                    "the folder has more photos than the limit of {}; raise `limits.max_photos` \
                     or divide the listing",
                    options.max_photos
                ),
            )),
            Glance::Photo => wanted.push(candidate),
        }
    }
    wanted
}

fn examine_all(
    candidates: &[Candidate],
    root: &Path,
    options: &IngestOptions,
    progress: &(dyn Fn(usize, usize) + Sync),
    faults: &Faults,
) -> Vec<Result<Examined, LeftOut>> {
    let done = AtomicUsize::new(0);
    candidates
        .par_iter()
        .map(|candidate| {
            let outcome = photo::examine(candidate, root, options, faults);
            progress(done.fetch_add(1, Atomic::Relaxed) + 1, candidates.len());
            outcome
        })
        .collect()
}

fn describe_nothing(left_out: &[LeftOut], recursive: bool) -> String {
    let Some(first) = left_out.first() else {
        return if recursive {
            "it has no JPEG, HEIC, PNG, WebP or TIFF; give the folder that holds the photos"
                .to_owned()
        } else {
            "it has no JPEG, HEIC, PNG, WebP or TIFF; give the folder that holds the photos, or add \
             `--recursive` if they lie in folders inside it"
                .to_owned()
        };
    };
    let others = match left_out.len() - 1 {
        0 => String::new(),
        1 => ", and one other file cannot be used".to_owned(),
        more => format!(", and {more} other files cannot be used"),
    };
    format!("`{}` cannot be used ({}){others}", first.file, first.reason)
}

pub(super) fn stated_photo<'a>(stated: &'a ListingFile, file: &str) -> Option<&'a StatedPhoto> {
    stated
        .photos
        .iter()
        .find(|photo| same_file(&photo.file, file))
}

/// Rooms by the strongest that says one: flag, `listing.toml`, file name.
fn state_rooms(
    photos: &mut [Photo],
    stated: &ListingFile,
    options: &IngestOptions,
    known: &[String],
) -> Result<(), IngestError> {
    for (pattern, room) in &options.rooms {
        if !known.iter().any(|file| fits(pattern, file)) {
            return Err(IngestError::PatternFitsNothing {
                pattern: printable(pattern),
                room: room.name().to_owned(),
                nearest: nearest(pattern, known.iter().map(String::as_str))
                    .map(|name| printable(&name))
                    .unwrap_or_default(),
            });
        }
    }
    for photo in photos {
        let flag = options
            .rooms
            .iter()
            .rev()
            .find(|(pattern, _)| fits(pattern, &photo.file))
            .map(|(_, room)| *room);
        let entry = stated_photo(stated, &photo.file);
        let in_file = entry.and_then(|entry| entry.room);
        let in_name = room_from_name(&photo.file);
        let (room, origin) = match (flag, in_file, in_name) {
            (Some(room), ..) => (Some(room), Some(RoomOrigin::Flag)),
            (None, Some(room), _) => (Some(room), Some(RoomOrigin::ListingFile)),
            (None, None, Some(room)) => (Some(room), Some(RoomOrigin::FileName)),
            (None, None, None) => (None, None),
        };
        if let Some(kind) = entry.and_then(|entry| entry.kind) {
            photo.kind = kind;
        }
        photo.room = room;
        photo.room_origin = origin;
        // A number in the name counts rooms of the kind that the name says, not of another.
        let from_name = || {
            (room == in_name)
                .then(|| group_from_name(&photo.file))
                .flatten()
        };
        photo.group = entry
            .and_then(|entry| entry.group.clone())
            .or_else(from_name);
    }
    Ok(())
}

/// Photos with an `order` come first, by it; the others follow in natural order.
fn arrange(photos: &mut [Photo], stated: &ListingFile) {
    photos.sort_by(|left, right| {
        let order = |photo: &Photo| {
            stated_photo(stated, &photo.file)
                .and_then(|entry| entry.order)
                .unwrap_or(u32::MAX)
        };
        order(left)
            .cmp(&order(right))
            .then_with(|| natural_order(&left.file, &right.file))
    });
}

/// `maple-street` becomes `Maple Street`.
fn title_from_folder(root: &Path) -> String {
    let name = root
        .file_name()
        .map(|name| printable(&name.to_string_lossy()))
        .unwrap_or_default();
    let words: Vec<String> = name
        .split(|character: char| character.is_whitespace() || matches!(character, '-' | '_'))
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect())
                .unwrap_or_default()
        })
        .collect();
    if words.is_empty() {
        "Listing".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_readable_titles() {
        for (folder, title) in [
            ("/a/maple-street", "Maple Street"),
            ("/a/12_Rue  Basse", "12 Rue Basse"),
            ("/", "Listing"),
        ] {
            assert_eq!(title_from_folder(Path::new(folder)), title);
        }
    }
}
