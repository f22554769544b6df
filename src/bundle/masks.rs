//! The masks of an order: what a person drew, as the grey plane that workers read.

use std::path::Path;

use crate::domain::id::PhotoId;
use crate::fsx::{self, fs};
use crate::imaging::{self, DecodeLimits, Plane, Samples};

use super::error::BundleError;

/// Where the mask of a photo lies in an order, with forward slashes.
#[must_use]
pub fn mask_path(photo: &PhotoId) -> String {
    format!("masks/{photo}.png")
}

/// Writes the mask whose file content is `bytes`, a picture in grey or in colours, into the order's folder,
/// with at most `long_side` pixels on its longer side.
///
/// # Errors
/// [`BundleError`] when it is no picture or cannot be written.
pub fn write_mask(
    folder: &Path,
    photo: &PhotoId,
    bytes: &[u8],
    long_side: u32,
    limits: &DecodeLimits,
) -> Result<(), BundleError> {
    let picture = imaging::decode(bytes, limits)?;
    let picture = imaging::fit(&picture, long_side as usize)?.into_eight();
    let (width, height) = (picture.width, picture.height);
    let samples = match picture.samples {
        Samples::Eight(samples) => samples
            .chunks_exact(3)
            .map(|pixel| {
                let sum: u32 = pixel.iter().map(|&sample| u32::from(sample)).sum();
                u8::try_from(sum / 3).unwrap_or(u8::MAX)
            })
            .collect(),
        _ => Vec::new(),
    };
    let path = folder.join(mask_path(photo));
    let plane = Plane::new(width, height, samples).ok_or_else(|| BundleError::Damaged {
        path: path.clone(),
        reason: "it has no pixels".to_owned(),
    })?;
    let png = imaging::encode_plane(&plane).map_err(|error| BundleError::Damaged {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    fs::create_dir_all(folder.join("masks"))?;
    fsx::write_atomic(&path, &png)?;
    Ok(())
}

/// The mask of a photo in an order; nothing where a person drew none.
///
/// # Errors
/// [`BundleError`] when it is damaged.
pub fn read_mask(
    folder: &Path,
    photo: &PhotoId,
    limits: &DecodeLimits,
) -> Result<Option<Plane>, BundleError> {
    match fs::read(folder.join(mask_path(photo))) {
        Ok(bytes) => Ok(Some(imaging::decode_plane(&bytes, limits)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
