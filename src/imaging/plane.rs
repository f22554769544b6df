//! Single-channel maps that accompany a picture: the mask of what may change, and the label map of
//! what is where. Both come from workers, so their size is checked before memory is spent on them.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Encoder, EncodingError, Transformations};

use super::decode::{DecodeError, DecodeLimits, check_bytes};
use super::guard::{gave_up, guarded};

/// One 8-bit sample for each pixel, rows from the top; the sample at `(x, y)` lies at `y * width + x`.
///
/// As a mask 255 means that the pixel may change, 0 that it is the original's, and everything between
/// that it may darken or tint but not be redrawn. As a label map the sample is the value of a
/// [`Surface`](crate::domain::surface::Surface).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Width in pixels, at least 1.
    pub width: usize,
    /// Height in pixels, at least 1.
    pub height: usize,
    /// `width * height` samples.
    pub samples: Vec<u8>,
}

impl Plane {
    /// A plane of these samples; `None` where their number does not fit the size.
    #[must_use]
    pub fn new(width: usize, height: usize, samples: Vec<u8>) -> Option<Self> {
        let fits = width > 0 && height > 0 && samples.len() == width.checked_mul(height)?;
        fits.then_some(Self {
            width,
            height,
            samples,
        })
    }

    /// Makes every sample at most that of `other` at the same place; `other` may have any size.
    pub fn limit(&mut self, other: &Self) {
        let (width, height) = (self.width, self.height);
        for (index, sample) in self.samples.iter_mut().enumerate() {
            let (x, y) = (index % width, index / width);
            let most = other.at(x * other.width / width, y * other.height / height);
            *sample = (*sample).min(most);
        }
    }

    /// The sample at `(x, y)`; 0 outside.
    #[must_use]
    pub fn at(&self, x: usize, y: usize) -> u8 {
        if x >= self.width {
            return 0;
        }
        self.samples.get(y * self.width + x).copied().unwrap_or(0)
    }
}

/// Decodes a PNG of one 8-bit channel, or one with a palette whose indices are the values.
///
/// # Errors
/// [`DecodeError`] for anything else, for damage, and for more bytes or pixels than allowed.
pub fn decode_plane(bytes: &[u8], limits: &DecodeLimits) -> Result<Plane, DecodeError> {
    check_bytes(bytes.len() as u64, limits)?;
    guarded(|| decode_unguarded(bytes, limits)).unwrap_or_else(|| Err(gave_up(bytes)))
}

fn decode_unguarded(bytes: &[u8], limits: &DecodeLimits) -> Result<Plane, DecodeError> {
    let mut decoder = Decoder::new(Cursor::new(bytes));
    // The values themselves, also of a palette.
    decoder.set_transformations(Transformations::IDENTITY);
    let header = decoder
        .read_header_info()
        .map_err(|error| damaged(&error))?;
    let (width, height) = header.size();
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(DecodeError::TooManyPixels {
            width,
            height,
            limit: limits.max_pixels,
        });
    }
    let single = matches!(header.color_type, ColorType::Grayscale | ColorType::Indexed)
        && header.bit_depth == BitDepth::Eight;
    if !single {
        return Err(DecodeError::Unsupported {
            what: "a map with other than one 8-bit channel".to_owned(),
            hint: "write it as an 8-bit grey PNG".to_owned(),
        });
    }
    let mut reader = decoder.read_info().map_err(|error| damaged(&error))?;
    let mut samples = vec![0; width as usize * height as usize];
    if reader.output_buffer_size() != Some(samples.len()) {
        return Err(damaged(&"its size differs from its header"));
    }
    reader
        .next_frame(&mut samples)
        .map_err(|error| damaged(&error))?;
    Plane::new(width as usize, height as usize, samples).ok_or_else(|| damaged(&"it has no pixels"))
}

fn damaged(reason: &impl ToString) -> DecodeError {
    DecodeError::Damaged {
        format: "PNG",
        reason: reason.to_string(),
    }
}

/// Why a plane was not written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write PNG data: {0}")]
pub struct PlaneEncodeError(#[from] EncodingError);

/// Encodes the plane as an 8-bit grey PNG; the same plane gives the same bytes.
///
/// # Errors
/// [`PlaneEncodeError`] for a side beyond what PNG can say.
pub fn encode_plane(plane: &Plane) -> Result<Vec<u8>, PlaneEncodeError> {
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side(plane.width), side(plane.height));
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&plane.samples)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_survives_its_file() {
        let plane = Plane::new(3, 2, vec![0, 1, 254, 255, 17, 128]).unwrap();
        let bytes = encode_plane(&plane).unwrap();
        assert_eq!(
            decode_plane(&bytes, &DecodeLimits::default()).unwrap(),
            plane
        );
        assert_eq!(
            (plane.at(2, 1), plane.at(3, 0), plane.at(0, 2)),
            (128, 0, 0)
        );
    }

    #[test]
    fn the_indices_of_a_palette_are_the_values() {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(ColorType::Indexed);
        encoder.set_palette(vec![9, 9, 9, 200, 0, 0, 0, 200, 0]);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[2, 1]).unwrap();
        writer.finish().unwrap();
        let plane = decode_plane(&bytes, &DecodeLimits::default()).unwrap();
        assert_eq!(plane.samples, [2, 1]);
    }

    #[test]
    fn what_is_no_small_grey_png_is_refused() {
        let plane = Plane::new(40, 40, vec![7; 1600]).unwrap();
        let bytes = encode_plane(&plane).unwrap();
        let small = DecodeLimits {
            max_pixels: 1599,
            ..DecodeLimits::default()
        };
        assert!(matches!(
            decode_plane(&bytes, &small),
            Err(DecodeError::TooManyPixels { .. })
        ));
        let short = DecodeLimits {
            max_file_bytes: 10,
            ..DecodeLimits::default()
        };
        assert!(matches!(
            decode_plane(&bytes, &short),
            Err(DecodeError::TooManyBytes { .. })
        ));
        for end in [0, 8, 20, 40, bytes.len() - 14] {
            let cut = decode_plane(&bytes[..end], &DecodeLimits::default());
            assert!(matches!(cut, Err(DecodeError::Damaged { .. })), "{end}");
        }
        let mut colour = Vec::new();
        let mut encoder = Encoder::new(&mut colour, 1, 1);
        encoder.set_color(ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[1, 2, 3]).unwrap();
        writer.finish().unwrap();
        assert!(matches!(
            decode_plane(&colour, &DecodeLimits::default()),
            Err(DecodeError::Unsupported { .. })
        ));
    }
}
