//! One file: is it a photo, and what is known of it without decoding its pixels.

use std::io::Read;
use std::path::Path;

use super::folder::{Candidate, Extension, extension};
use super::open::{PhotoError, open_plain, read_plain};
use super::options::IngestOptions;
use crate::domain::id::PhotoId;
use crate::domain::listing::{Capture, LeftOut, LeftOutCode, Photo, PhotoFormat, PictureKind};
use crate::fsx::printable;
use crate::imaging::{self, Content, DecodeError};

/// Bytes that are enough to judge the content.
const HEAD: u64 = 512;

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
pub(super) fn glance(candidate: &Candidate, root: &Path) -> Glance {
    let named_like = extension(&candidate.file);
    let head = match read_head(candidate, root) {
        Ok(head) => head,
        Err(_) if named_like == Extension::Other => return Glance::NotAPicture,
        Err(error) => return Glance::LeftOut(from_photo_error(&candidate.file, &error)),
    };
    let unsupported = |reason: String| {
        Glance::LeftOut(left_out(
            &candidate.file,
            LeftOutCode::UnsupportedFormat,
            reason,
        ))
    };
    match (imaging::sniff(&head), named_like) {
        (Content::Photo(PhotoFormat::Tiff), Extension::Raw) => {
            unsupported("it is a camera raw photo; develop it to JPEG or TIFF first".to_owned())
        }
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

/// Reads a photo whole, once: identity, header, completeness and EXIF. Room and group are not
/// known yet.
pub(super) fn examine(
    candidate: &Candidate,
    root: &Path,
    options: &IngestOptions,
) -> Result<Photo, LeftOut> {
    let file = &candidate.file;
    let plain = read_plain(&candidate.path, root, file, options.limits.max_file_bytes)
        .map_err(|error| from_photo_error(file, &error))?;
    let bytes = plain.bytes.as_slice();
    let refuse = |error: &DecodeError| from_decode_error(file, error);
    let header = imaging::probe(bytes).map_err(|error| refuse(&error))?;
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
    imaging::check_complete(bytes, header.format).map_err(|error| refuse(&error))?;
    let (stored_width, stored_height) = header.stored_size();
    let panorama = imaging::panorama(bytes, stored_width, stored_height);
    Ok(Photo {
        id: PhotoId::from_digest(&blake3::hash(bytes)),
        file: file.clone(),
        bytes: bytes.len() as u64,
        format: header.format,
        width: header.width,
        height: header.height,
        orientation: header.orientation,
        bits_per_sample: header.bits_per_sample,
        kind: match &panorama {
            Some(_) => PictureKind::Panorama,
            None => PictureKind::Photo,
        },
        capture: Capture {
            // Its numbers are those of the stored pixels, which are delivered upright.
            panorama: panorama.filter(|_| header.orientation == 1),
            ..imaging::capture(bytes)
        },
        notes: Vec::new(),
        room: None,
        room_origin: None,
        room_confidence: None,
        group: None,
        mask: None,
    })
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

fn from_photo_error(file: &str, error: &PhotoError) -> LeftOut {
    let (code, reason) = match error {
        PhotoError::Missing { .. } => (
            LeftOutCode::Changed,
            "it disappeared while the folder was read; read it again".to_owned(),
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
