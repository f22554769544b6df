//! Small pictures of attempts in the gallery, so that a person sees what was refused. The files come
//! from workers: each may be missing, huge, or no picture at all, and then there is none to show.

use std::path::Path;

use super::error::DeliverError;
use super::gallery::ShownPicture;
use crate::fsx::fs;
use crate::imaging::{self, DecodeLimits, JpegOptions};

/// Sizes and qualities that are tried, from the best down: long side in pixels, JPEG quality.
const FORMS: [(usize, u8); 5] = [(320, 72), (320, 55), (256, 50), (192, 45), (128, 40)];

/// Most bytes of one thumbnail before it is written as text, which takes a third more: 30 kB.
const MOST_BYTES: usize = 22_000;

/// Most bytes of all thumbnails of a page before they are written as text.
const BUDGET_BYTES: usize = 9_000_000;

/// Bytes that each of so many thumbnails may take.
pub(super) fn bytes_each(thumbnails: usize) -> usize {
    (BUDGET_BYTES / thumbnails.max(1)).min(MOST_BYTES)
}

/// The thumbnail of the picture in `path`; `None` where it is no picture within the limits, or cannot be
/// made small enough.
///
/// # Errors
/// Where the machine does not give the file: the next page would have it.
pub(super) fn thumbnail(
    path: &Path,
    limits: &DecodeLimits,
    bytes: usize,
) -> Result<Option<ShownPicture>, DeliverError> {
    let content = (|| {
        let usable =
            |about: &std::fs::Metadata| about.is_file() && about.len() <= limits.max_file_bytes;
        match fs::look(path)? {
            Some(about) if usable(&about) => fs::read_if_there(path),
            _ => Ok(None),
        }
    })();
    let content = content.map_err(|error| DeliverError::io(path, error))?;
    Ok(content.and_then(|content| small_enough(&content, limits, bytes)))
}

fn small_enough(content: &[u8], limits: &DecodeLimits, bytes: usize) -> Option<ShownPicture> {
    let picture = imaging::decode(content, limits).ok()?.into_eight();
    FORMS.iter().find_map(|&(side, quality)| {
        let small = imaging::fit(&picture, side).ok()?;
        let options = JpegOptions {
            quality,
            ..JpegOptions::default()
        };
        let jpeg = imaging::encode_jpeg(&small, &options).ok()?;
        (jpeg.len() <= bytes).then(|| ShownPicture::new(&jpeg, small.width, small.height))
    })
}
