//! One file: is it a photo, what is known of it, and what a look at its pixels shows.

use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::error::IngestError;
use super::folder::{Candidate, Extension, extension};
use super::open::{PhotoError, is_away, open_plain, read_plain};
use super::options::IngestOptions;
use crate::domain::id::PhotoId;
use crate::domain::listing::{Capture, LeftOut, LeftOutCode, Photo, PhotoFormat, PictureKind};
use crate::fsx::{fs, printable};
use crate::imaging::view::Glimpse;
use crate::imaging::{self, Camera, Content, DecodeError, Header, Picture};

/// Bytes that are enough to judge the content.
const HEAD: u64 = 512;

/// The first fault of the machine that kept a file from being read, which says nothing about the file.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Option<(String, PhotoError)>>);

impl Faults {
    /// Keeps it where it is one of the machine.
    fn note(&self, file: &str, error: PhotoError) {
        if error.fault().is_temporary() {
            let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| (printable(file), error));
        }
    }

    /// Ends the reading of `folder` where there was one.
    pub(super) fn check(self, folder: &Path) -> Result<(), IngestError> {
        match self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some((file, error)) => Err(IngestError::Fault {
                folder: folder.to_path_buf(),
                file,
                source: match error {
                    PhotoError::Unreadable { source, .. } => source,
                    other => other.into_io(),
                },
            }),
        }
    }
}

/// What a look at a file's first bytes says.
#[derive(Debug)]
pub(super) enum Glance {
    /// It is worth reading.
    Photo,
    /// It is no picture, and nothing says that it should be one.
    NotAPicture,
    /// It cannot be used.
    LeftOut(LeftOut),
}

fn left_out(file: &str, code: LeftOutCode, reason: String) -> LeftOut {
    LeftOut {
        file: printable(file),
        code,
        reason,
    }
}

/// Looks at the first bytes.
pub(super) fn glance(candidate: &Candidate, root: &Path, faults: &Faults) -> Glance {
    let named_like = extension(&candidate.file);
    let head = match read_head(candidate, root) {
        Ok(head) => head,
        Err(error) => {
            let error = away_or(error, &candidate.file, root);
            let row = from_photo_error(&candidate.file, &error);
            faults.note(&candidate.file, error);
            return if named_like == Extension::Other {
                Glance::NotAPicture
            } else {
                Glance::LeftOut(row)
            };
        }
    };
    let unsupported = |reason: String| {
        Glance::LeftOut(left_out(
            &candidate.file,
            LeftOutCode::UnsupportedFormat,
            reason,
        ))
    };
    match (imaging::sniff(&head), named_like) {
        (Content::Photo(_), _) => Glance::Photo,
        (Content::OtherPicture(what, hint), _) => unsupported(format!("it is {what}; {hint}")),
        (Content::Unknown, Extension::Other) => Glance::NotAPicture,
        (Content::Unknown, Extension::Raw) => {
            unsupported("it is a camera raw photo; develop it to JPEG or TIFF first".to_owned())
        }
        (Content::Unknown, _) if head.is_empty() => Glance::LeftOut(left_out(
            &candidate.file,
            LeftOutCode::Damaged,
            "the file is empty; copy it again from the camera".to_owned(),
        )),
        (Content::Unknown, _) => unsupported(
            "its name says picture, its content is none that is known; copy it again from the \
             camera or leave it out"
                .to_owned(),
        ),
    }
}

fn read_head(candidate: &Candidate, root: &Path) -> Result<Vec<u8>, PhotoError> {
    let file = open_plain(&candidate.path, root, &candidate.file)?;
    let mut head = Vec::new();
    file.take(HEAD)
        .read_to_end(&mut head)
        .map_err(|source| PhotoError::Unreadable {
            file: printable(&candidate.file),
            source,
        })?;
    Ok(head)
}

/// The long side at which a photo is looked at, pixels.
const LOOK_SIDE: usize = 512;

/// Pictures above this many pixels are decoded one at a time, so that many threads with many large ones cannot add
/// up.
const LARGE_PICTURE: u64 = 40_000_000;

static LARGE: Mutex<()> = Mutex::new(());

/// A photo with what is needed to find the series that it belongs to, which no document keeps.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) photo: Photo,
    pub(super) camera: Camera,
    /// At most 50 kB; `None` once nothing asks for it.
    pub(super) glimpse: Option<Glimpse>,
}

/// Reads a photo whole, once: identity, header, completeness, EXIF, and a look at its pixels. Room and group are
/// not known yet.
pub(super) fn examine(
    candidate: &Candidate,
    root: &Path,
    options: &IngestOptions,
    faults: &Faults,
) -> Result<Examined, LeftOut> {
    let file = &candidate.file;
    let plain = read_plain(&candidate.path, root, file, options.limits.max_file_bytes).map_err(
        |error| {
            let error = away_or(error, file, root);
            let row = from_photo_error(file, &error);
            faults.note(file, error);
            row
        },
    )?;
    let bytes = plain.bytes.as_slice();
    let refuse = |error: &DecodeError| from_decode_error(file, error);
    let header = imaging::probe(bytes).map_err(|error| refuse(&error))?;
    // A raw format that is not known by its content keeps a small preview where a TIFF keeps its picture.
    if header.format == PhotoFormat::Tiff && extension(file) == Extension::Raw {
        return Err(left_out(
            file,
            LeftOutCode::UnsupportedFormat,
            "it is a camera raw photo of an unknown kind; develop it to JPEG or TIFF first"
                .to_owned(),
        ));
    }
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > options.limits.max_pixels {
        return Err(refuse(&DecodeError::TooManyPixels {
            width: header.width,
            height: header.height,
            limit: options.limits.max_pixels,
        }));
    }
    if header.width.min(header.height) < options.min_side {
        return Err(left_out(
            file,
            LeftOutCode::BeyondLimits,
            format!(
                "it has only {} x {} pixels; a photo has at least {} on each side",
                header.width, header.height, options.min_side
            ),
        ));
    }
    let alone =
        (pixels > LARGE_PICTURE).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let look = imaging::look(bytes, &options.limits, LOOK_SIDE).map_err(|error| refuse(&error))?;
    drop(alone);
    let capture = capture(bytes, &header);
    let photo = Photo {
        id: PhotoId::from_digest(&blake3::hash(bytes)),
        file: file.clone(),
        bytes: bytes.len() as u64,
        format: header.format,
        width: header.width,
        height: header.height,
        orientation: header.orientation,
        bits_per_sample: header.bits_per_sample,
        kind: seen_kind(&look.picture, &capture),
        capture,
        notes: look.notes,
        room: None,
        room_origin: None,
        room_confidence: None,
        group: None,
        mask: None,
    };
    Ok(Examined {
        photo,
        camera: imaging::camera(bytes),
        glimpse: Some(Glimpse::new(&look.picture)),
    })
}

/// What the camera recorded, and what the file says of the panorama that it is.
fn capture(bytes: &[u8], header: &Header) -> Capture {
    let (stored_width, stored_height) = header.stored_size();
    // Its numbers are those of the stored pixels, which are delivered upright.
    let panorama = imaging::panorama(bytes, stored_width, stored_height);
    Capture {
        panorama: panorama.filter(|_| header.orientation == 1),
        ..imaging::capture(bytes)
    }
}

/// What the file says and its pixels show it to be. A file that records an exposure time was taken by a camera.
fn seen_kind(look: &Picture, capture: &Capture) -> PictureKind {
    match (&capture.panorama, capture.exposure_seconds) {
        (Some(_), _) => PictureKind::Panorama,
        (None, Some(_)) => PictureKind::Photo,
        (None, None) => imaging::picture_kind(look),
    }
}

fn from_decode_error(file: &str, error: &DecodeError) -> LeftOut {
    let code = match error {
        DecodeError::Unsupported { .. } => LeftOutCode::UnsupportedFormat,
        DecodeError::Damaged { .. } => LeftOutCode::Damaged,
        DecodeError::TooManyBytes { .. } | DecodeError::TooManyPixels { .. } => {
            LeftOutCode::BeyondLimits
        }
    };
    left_out(file, code, error.to_string())
}

/// A file that is gone with its whole folder is not gone.
fn away_or(error: PhotoError, file: &str, root: &Path) -> PhotoError {
    match error {
        PhotoError::Missing { file } if is_away(root, []) => PhotoError::Away { file },
        PhotoError::Missing { .. } if fs::symlink_metadata(root).is_err() => PhotoError::Away {
            file: printable(file),
        },
        other => other,
    }
}

fn from_photo_error(file: &str, error: &PhotoError) -> LeftOut {
    let (code, reason) = match error {
        PhotoError::Missing { .. } => (
            LeftOutCode::Changed,
            "it disappeared while the folder was read; read it again".to_owned(),
        ),
        PhotoError::Away { .. } => (
            LeftOutCode::Changed,
            "its folder is away; read it again".to_owned(),
        ),
        PhotoError::Changed { .. } => (
            LeftOutCode::Changed,
            "it changed while it was read; wait until it is copied and read the folder again"
                .to_owned(),
        ),
        PhotoError::Refused { rule, .. } => (LeftOutCode::Refused, rule.clone()),
        PhotoError::TooLarge { bytes, limit, .. } => (
            LeftOutCode::BeyondLimits,
            DecodeError::TooManyBytes {
                bytes: *bytes,
                limit: *limit,
            }
            .to_string(),
        ),
        PhotoError::Unreadable { source, .. } => (
            LeftOutCode::Unreadable,
            format!("failed to read it: {source}; check its permissions"),
        ),
    };
    left_out(file, code, reason)
}
