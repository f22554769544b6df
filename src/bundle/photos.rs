//! The photos of an order for a worker elsewhere: upright, sRGB, at the size that models work in,
//! without any metadata.

use std::path::Path;

use crate::domain::id::PhotoId;
use crate::fsx::{self, fs};
use crate::imaging::{self, DecodeLimits, JpegOptions, Picture};

use super::error::BundleError;

/// Longest side of a photo at working size, in pixels, where the style does not say another.
pub const WORKING_LONG_SIDE: u32 = 1536;

/// Quality of photos at working size: a worker's result starts from it, and it has to go over the wire. The
/// further ones are for photos whose own file is so small that they would not be much smaller.
const QUALITIES: [u8; 4] = [88, 84, 80, 76];

/// The share of the photo's own file that its working size is brought below, as far as the qualities go.
const SHARE: f64 = 0.09;

/// A photo with this many times the pixels of its working size is worth the further qualities; a smaller one
/// is nearly sent as it is.
const MUCH_LARGER: f64 = 4.0;

/// Where a photo lies in an order, with forward slashes.
#[must_use]
pub fn working_photo_path(photo: &PhotoId) -> String {
    format!("photos/{photo}.jpg")
}

/// Writes the photo whose file content is `bytes` into the order's folder, and much smaller than the
/// `original_bytes` that its sources have on disk. What was made of the same content before lies in the folder
/// `prepared` and is not made again.
///
/// # Errors
/// [`BundleError`] when it is no picture or cannot be written.
pub fn write_working_photo(
    folder: &Path,
    prepared: &Path,
    photo: &PhotoId,
    bytes: &[u8],
    original_bytes: u64,
    long_side: u32,
    limits: &DecodeLimits,
) -> Result<(), BundleError> {
    let [best, ..] = QUALITIES;
    let most = original_bytes as f64 * SHARE;
    let known = prepared.join(format!(
        "{}-{long_side}-{best}-{most:.0}.jpg",
        blake3::hash(bytes).to_hex()
    ));
    let jpeg = match fs::read(&known) {
        Ok(jpeg) => jpeg,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let whole = imaging::decode(bytes, limits)?;
            let picture = imaging::fit(&whole, long_side as usize)?;
            let pixels = |picture: &Picture| (picture.width * picture.height) as f64;
            let jpeg = if pixels(&whole) >= MUCH_LARGER * pixels(&picture) {
                encode_below(&picture, most)?
            } else {
                encode(&picture, best)?
            };
            fs::create_dir_all(prepared)?;
            fsx::write_atomic(&known, &jpeg)?;
            jpeg
        }
        Err(error) => return Err(error.into()),
    };
    fs::create_dir_all(folder.join("photos"))?;
    fsx::write_atomic(&folder.join(working_photo_path(photo)), &jpeg)?;
    Ok(())
}

/// The picture in the best quality that stays below so many bytes, else in the least.
fn encode_below(picture: &Picture, bytes: f64) -> Result<Vec<u8>, BundleError> {
    let mut jpeg = Vec::new();
    for quality in QUALITIES {
        jpeg = encode(picture, quality)?;
        if jpeg.len() as f64 <= bytes {
            break;
        }
    }
    Ok(jpeg)
}

fn encode(picture: &Picture, quality: u8) -> Result<Vec<u8>, BundleError> {
    let options = JpegOptions {
        quality,
        ..JpegOptions::default()
    };
    Ok(imaging::encode_jpeg(picture, &options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A photo of 2560 x 1920 with fine grain.
    fn grainy() -> Vec<u8> {
        let mut state = 7_u32;
        let samples = (0..2560_u32 * 1920 * 3)
            .map(|at| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (at / 7680 / 10) as u8 + (state >> 28) as u8
            })
            .collect();
        let picture = Picture::from_eight(2560, 1920, samples).unwrap();
        encode(&picture, 60).unwrap()
    }

    #[test]
    fn a_photo_is_much_smaller_than_its_file_where_its_size_allows() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = grainy();
        let id = PhotoId::from_digest(&blake3::hash(&bytes));
        let write = |original: u64, side: u32| {
            let prepared = folder.path().join("prepared");
            let limits = DecodeLimits::default();
            write_working_photo(
                folder.path(),
                &prepared,
                &id,
                &bytes,
                original,
                side,
                &limits,
            )
            .unwrap();
            fs_err::read(folder.path().join(working_photo_path(&id))).unwrap()
        };
        let fine = write(u64::MAX, 640);
        let tight = write(fine.len() as u64 * 10, 640);
        let tightest = write(1, 640);
        assert!(
            tight.len() < fine.len() * 9 / 10,
            "{} of {}",
            tight.len(),
            fine.len()
        );
        assert!(tightest.len() < tight.len());
        // Nearly as large as the photo, nothing is gained.
        assert_eq!(write(1, 1536), write(u64::MAX, 1536));
        // What is made again is the same.
        assert_eq!(write(fine.len() as u64 * 10, 640), tight);
    }
}
