//! Resizing with a Lanczos kernel of three lobes, which keeps the crispness of fine lines in web
//! copies and proxies.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U16x3};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::picture::{Picture, Samples};

/// Why a picture was not resized.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to resize to {width} x {height} pixels: {reason}")]
pub struct ResizeError {
    width: usize,
    height: usize,
    reason: String,
}

/// Resizes to exactly `width` by `height` pixels; the bit depth stays.
///
/// # Errors
/// [`ResizeError`] where a side is zero or beyond what can be addressed.
pub fn resize(picture: &Picture, width: usize, height: usize) -> Result<Picture, ResizeError> {
    let failed = |reason: String| ResizeError {
        width,
        height,
        reason,
    };
    let side = |side: usize| {
        u32::try_from(side)
            .ok()
            .filter(|&side| (1..=1 << 20).contains(&side))
            .ok_or_else(|| failed("each side must be 1 to 1048576".to_owned()))
    };
    let (from_width, from_height) = (side(picture.width)?, side(picture.height)?);
    let (to_width, to_height) = (side(width)?, side(height)?);
    if (width, height) == (picture.width, picture.height) {
        return Ok(picture.clone());
    }
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    let length = width
        .checked_mul(height)
        .and_then(|pixels| pixels.checked_mul(3))
        .ok_or_else(|| failed("the picture would not fit into memory".to_owned()))?;
    let samples = match &picture.samples {
        Samples::Eight(samples) => {
            let mut target = vec![0; length];
            let source = TypedImageRef::<U8x3>::from_buffer(from_width, from_height, samples)
                .map_err(|error| failed(error.to_string()))?;
            let mut view = TypedImage::<U8x3>::from_buffer(to_width, to_height, &mut target)
                .map_err(|error| failed(error.to_string()))?;
            Resizer::new()
                .resize_typed(&source, &mut view, &options)
                .map_err(|error| failed(error.to_string()))?;
            Samples::Eight(target)
        }
        Samples::Sixteen(samples) => {
            let mut target = vec![0_u16; length];
            let bytes = bytemuck::cast_slice(samples);
            let source = TypedImageRef::<U16x3>::from_buffer(from_width, from_height, bytes)
                .map_err(|error| failed(error.to_string()))?;
            let bytes = bytemuck::cast_slice_mut(&mut target);
            let mut view = TypedImage::<U16x3>::from_buffer(to_width, to_height, bytes)
                .map_err(|error| failed(error.to_string()))?;
            Resizer::new()
                .resize_typed(&source, &mut view, &options)
                .map_err(|error| failed(error.to_string()))?;
            Samples::Sixteen(target)
        }
    };
    Ok(Picture {
        width,
        height,
        samples,
    })
}

/// Makes the longer side at most `long_side` pixels, keeping the proportions; a picture that is
/// small enough stays as it is: nothing is ever enlarged.
///
/// # Errors
/// As [`resize`].
pub fn fit(picture: &Picture, long_side: usize) -> Result<Picture, ResizeError> {
    let longest = picture.width.max(picture.height);
    if longest <= long_side {
        return Ok(picture.clone());
    }
    let scaled = |side: usize| {
        let exact = side as f64 * long_side as f64 / longest as f64;
        (exact.round() as usize).max(1)
    };
    resize(picture, scaled(picture.width), scaled(picture.height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_flat_in_both_depths() {
        let eight = Picture::from_eight(40, 30, vec![200; 40 * 30 * 3]).unwrap();
        let sixteen = Picture::from_sixteen(40, 30, vec![51_000; 40 * 30 * 3]).unwrap();
        let eight = resize(&eight, 13, 7).unwrap();
        assert_eq!(
            eight,
            Picture::from_eight(13, 7, vec![200; 13 * 7 * 3]).unwrap()
        );
        let sixteen = resize(&sixteen, 13, 7).unwrap();
        let expected = Picture::from_sixteen(13, 7, vec![51_000; 13 * 7 * 3]).unwrap();
        assert_eq!(sixteen, expected);
    }

    #[test]
    fn fitting_keeps_proportions_and_never_enlarges() {
        let picture = Picture::from_eight(400, 300, vec![9; 400 * 300 * 3]).unwrap();
        let small = fit(&picture, 100).unwrap();
        assert_eq!((small.width, small.height), (100, 75));
        assert_eq!(fit(&picture, 401).unwrap(), picture);
        let thin = Picture::from_eight(1000, 1, vec![9; 3000]).unwrap();
        assert_eq!(fit(&thin, 10).unwrap().height, 1);
        assert!(resize(&picture, 0, 10).is_err());
    }
}
