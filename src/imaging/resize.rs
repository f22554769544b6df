//! Resizing with a Lanczos kernel of three lobes, which keeps the crispness of fine lines in web
//! copies and proxies.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U16x3};
use fast_image_resize::{
    FilterType, ImageView as _, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
};

use rayon::prelude::*;

use super::picture::{Picture, Samples};

/// Rows of the result that are made in one piece.
const BAND: u32 = 128;

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
    let length = width
        .checked_mul(height)
        .and_then(|pixels| pixels.checked_mul(3))
        .ok_or_else(|| failed("the picture would not fit into memory".to_owned()))?;
    let bands = Bands {
        width: to_width,
        height: to_height,
        from_height,
    };
    let samples = match &picture.samples {
        Samples::Eight(samples) => {
            let mut target = vec![0; length];
            let source = TypedImageRef::<U8x3>::from_buffer(from_width, from_height, samples)
                .map_err(|error| failed(error.to_string()))?;
            bands.run(&source, &mut target).map_err(failed)?;
            Samples::Eight(target)
        }
        Samples::Sixteen(samples) => {
            let mut target = vec![0_u16; length];
            let bytes = bytemuck::cast_slice(samples);
            let source = TypedImageRef::<U16x3>::from_buffer(from_width, from_height, bytes)
                .map_err(|error| failed(error.to_string()))?;
            bands.run(&source, &mut target).map_err(failed)?;
            Samples::Sixteen(target)
        }
    };
    Ok(Picture {
        width,
        height,
        samples,
    })
}

/// The result in bands of rows, each resized from the section of the source that it shows. The kernel reads
/// on past the section's edge, so that the bands meet without a seam, and their number does not depend on
/// the number of threads.
struct Bands {
    width: u32,
    height: u32,
    from_height: u32,
}

impl Bands {
    fn run<P, S>(&self, source: &TypedImageRef<'_, P>, target: &mut [S]) -> Result<(), String>
    where
        P: PixelTrait,
        S: bytemuck::NoUninit + bytemuck::AnyBitPattern + Send,
    {
        let row = self.width as usize * 3;
        let scale = f64::from(self.from_height) / f64::from(self.height);
        (target.par_chunks_mut(row * BAND as usize))
            .enumerate()
            .try_for_each(|(band, target)| {
                let rows = (target.len() / row) as u32;
                let top = (band * BAND as usize) as f64 * scale;
                let height = f64::from(rows) * scale;
                // Rounding must not carry the last section past the picture.
                let height = height.min(f64::from(self.from_height) - top);
                let options = ResizeOptions::new()
                    .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
                    .crop(0.0, top, f64::from(source.width()), height);
                let bytes = bytemuck::cast_slice_mut(target);
                let mut view = TypedImage::<P>::from_buffer(self.width, rows, bytes)
                    .map_err(|error| error.to_string())?;
                (Resizer::new().resize_typed(source, &mut view, &options))
                    .map_err(|error| error.to_string())
            })
    }
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
