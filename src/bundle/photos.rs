//! The photos of an order for a worker elsewhere: upright, sRGB, at the size that models work in,
//! without any metadata.

use std::path::Path;

use crate::domain::id::PhotoId;
use crate::fsx;
use crate::imaging::{self, DecodeLimits, JpegOptions};

use super::error::BundleError;

/// Longest side of a photo at working size, in pixels, where the style does not say another.
pub const WORKING_LONG_SIDE: u32 = 1536;

/// Quality of photos at working size: a worker's result starts from it, and it has to go over the wire.
const WORKING_QUALITY: u8 = 88;

/// Where a photo lies in an order, with forward slashes.
#[must_use]
pub fn working_photo_path(photo: &PhotoId) -> String {
    format!("photos/{photo}.jpg")
}

/// Writes the photo whose file content is `bytes` into the order's folder. What was made of the same content
/// before lies in the folder `prepared` and is not made again.
///
/// # Errors
/// [`BundleError`] when it is no picture or cannot be written.
pub fn write_working_photo(
    folder: &Path,
    prepared: &Path,
    photo: &PhotoId,
    bytes: &[u8],
    long_side: u32,
    limits: &DecodeLimits,
) -> Result<(), BundleError> {
    let known = prepared.join(format!(
        "{}-{long_side}-{WORKING_QUALITY}.jpg",
        blake3::hash(bytes).to_hex()
    ));
    let jpeg = match fs_err::read(&known) {
        Ok(jpeg) => jpeg,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let picture = imaging::decode(bytes, limits)?;
            let picture = imaging::fit(&picture, long_side as usize)?;
            let options = JpegOptions {
                quality: WORKING_QUALITY,
                ..JpegOptions::default()
            };
            let jpeg = imaging::encode_jpeg(&picture, &options)?;
            fs_err::create_dir_all(prepared)?;
            fsx::write_atomic(&known, &jpeg)?;
            jpeg
        }
        Err(error) => return Err(error.into()),
    };
    fs_err::create_dir_all(folder.join("photos"))?;
    fsx::write_atomic(&folder.join(working_photo_path(photo)), &jpeg)?;
    Ok(())
}
