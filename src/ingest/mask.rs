//! Masks: where a person lets a photo be changed, as `listing.toml` names them. A mask that cannot be used ends
//! the reading, because whoever drew one must not get pictures that were made without it.

use std::path::Path;

use super::error::IngestError;
use super::listing_file::ListingFile;
use super::open::{PhotoError, read_plain};
use super::options::IngestOptions;
use super::read::stated_photo;
use crate::domain::listing::{Photo, PhotoFormat, StatedMask};
use crate::fsx::{contained, printable};
use crate::imaging;

/// So far a mask's proportions may be from its photo's.
const PROPORTIONS: f64 = 0.01;

/// Reads the mask of each photo that has one.
pub(super) fn state_masks(
    photos: &mut [Photo],
    stated: &ListingFile,
    root: &Path,
    options: &IngestOptions,
) -> Result<(), IngestError> {
    for photo in photos {
        let entry = stated_photo(stated, &photo.file);
        if let Some(file) = entry.and_then(|entry| entry.mask.as_deref()) {
            let mask = read_mask(photo, file, root, options);
            photo.mask = Some(mask.map_err(|problem| match problem {
                Unusable::Mask(problem) => IngestError::Mask {
                    mask: printable(file),
                    photo: printable(&photo.file),
                    problem,
                },
                Unusable::Machine(error) => IngestError::Fault {
                    folder: root.to_path_buf(),
                    file: printable(file),
                    source: error.into_io(),
                },
            })?);
        }
    }
    Ok(())
}

/// Whether a PNG has an alpha channel or transparent colours (PNG, 3rd edition, 11.2.1 and 11.3.1.1).
fn has_transparency(png: &[u8]) -> bool {
    let color_type = png.get(25).copied().unwrap_or_default();
    let before_pixels = png
        .windows(4)
        .take_while(|name| *name != b"IDAT")
        .any(|name| name == b"tRNS");
    matches!(color_type, 4 | 6) || before_pixels
}

/// Why a mask was not read.
enum Unusable {
    /// Something is wrong with it.
    Mask(String),
    /// The machine does not give it for now.
    Machine(PhotoError),
}

impl<T: Into<String>> From<T> for Unusable {
    fn from(problem: T) -> Self {
        Self::Mask(problem.into())
    }
}

fn read_mask(
    photo: &Photo,
    file: &str,
    root: &Path,
    options: &IngestOptions,
) -> Result<StatedMask, Unusable> {
    let file = file.strip_prefix("./").unwrap_or(file);
    let path = contained(root, file).map_err(|refused| refused.to_string())?;
    let limits = &options.limits;
    let plain = read_plain(&path, root, file, limits.max_file_bytes).map_err(|error| {
        if error.is_retryable() {
            Unusable::Machine(error)
        } else {
            error.to_string().into()
        }
    })?;
    let header = imaging::probe(&plain.bytes).map_err(|error| error.to_string())?;
    imaging::check_complete(&plain.bytes, header.format).map_err(|error| error.to_string())?;
    match header.format {
        PhotoFormat::Jpeg => {}
        // Laid on white, what is transparent would be let to change.
        PhotoFormat::Png if has_transparency(&plain.bytes) => {
            return Err("it has transparency; save it in black and white without".into());
        }
        PhotoFormat::Png => {}
        _ => return Err("it is no PNG and no JPEG; save it as one".into()),
    }
    if u64::from(header.width) * u64::from(header.height) > limits.max_pixels {
        return Err("it has more pixels than a photo may have".into());
    }
    let proportion = |width: u32, height: u32| f64::from(width) / f64::from(height);
    let ratio = proportion(header.width, header.height) / proportion(photo.width, photo.height);
    if (ratio - 1.0).abs() > PROPORTIONS {
        return Err(format!(
            "it has {} x {} pixels, which is another shape than the photo's {} x {}",
            header.width, header.height, photo.width, photo.height
        )
        .into());
    }
    Ok(StatedMask {
        file: file.to_owned(),
        blake3: blake3::hash(&plain.bytes).to_hex().to_string(),
    })
}
