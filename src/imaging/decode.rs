//! From a file's bytes to an upright sRGB [`Picture`]. Everything that a file claims is checked
//! against limits before memory is spent on it, and a picture that is not complete is an error: a
//! half-grey photo must not be finished as if it were whole.

use std::error::Error as _;
use std::io::Cursor;

use image::codecs::{png::PngDecoder, tiff::TiffDecoder, webp::WebPDecoder};
use image::error::{ImageError, UnsupportedErrorKind};
use image::{DynamicImage, ImageDecoder, Limits};
use remedia_jpeg::Scale;

use super::capture;
use super::guard::{gave_up, guarded};
use super::header::{self, Header, check_complete};
use super::icc;
use super::jpeg;
use super::orient;
use super::picture::{Picture, Samples};
use crate::domain::listing::PhotoFormat;

/// What is refused before it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Largest file, in bytes.
    pub max_file_bytes: u64,
    /// Largest picture, in pixels.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    /// 200 MB and 200 megapixels: above every camera that photographs homes.
    fn default() -> Self {
        Self {
            max_file_bytes: 200_000_000,
            max_pixels: 200_000_000,
        }
    }
}

/// Why bytes do not become a picture. The messages do not name the file: the caller knows it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A format or a variant that this build does not read.
    #[error("{what} is not supported; {hint}")]
    Unsupported {
        /// What the content is.
        what: String,
        /// What the person can do.
        hint: String,
    },
    /// The content is damaged or cut short.
    #[error(
        "the {format} file is damaged: {reason}; copy it again from the camera or leave it out"
    )]
    Damaged {
        /// The format's name.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// More bytes than allowed.
    #[error(
        "the file has {bytes} bytes, more than the limit of {limit}; raise `limits.max_file_bytes` or save it smaller"
    )]
    TooManyBytes {
        /// Size of the file.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// More pixels than allowed.
    #[error(
        "the picture has {width} x {height} pixels, more than the limit of {limit} in all; raise `limits.max_pixels` or save it smaller"
    )]
    TooManyPixels {
        /// Width that the header claims.
        width: u32,
        /// Height that the header claims.
        height: u32,
        /// What is allowed.
        limit: u64,
    },
}

impl DecodeError {
    /// Whether another attempt with the same bytes could end differently: never.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// What a channel behind the colours means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opacity {
    /// Nothing of the picture: a selection that an editor kept.
    Ignored,
    /// Opacity, and the colours are already multiplied by it.
    Associated,
    /// Opacity.
    Separate,
}

/// Pixels as they are stored, before colour conversion.
pub(super) enum Stored {
    Gray8(Vec<u8>),
    Gray16(Vec<u16>),
    Rgb8(Vec<u8>),
    Rgb16(Vec<u16>),
    /// Four 8-bit channels, 255 is no ink.
    InvertedCmyk(Vec<u8>),
    /// Three channels of linear light, 1 is white.
    LinearRgb(Vec<f32>),
}

/// Decodes a photo: EXIF orientation applied, the embedded profile converted to sRGB (a broken
/// profile counts as sRGB), CMYK and grey turned into RGB, transparency laid on white. 8-bit files
/// give 8-bit samples, all others 16.
///
/// # Errors
/// [`DecodeError`]: beyond the limits, damaged, cut short, or a format that is not read.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, DecodeError> {
    guarded(|| decode_unguarded(bytes, limits)).unwrap_or_else(|| Err(gave_up(bytes)))
}

fn decode_unguarded(bytes: &[u8], limits: &DecodeLimits) -> Result<Picture, DecodeError> {
    check_bytes(bytes.len() as u64, limits)?;
    let header = header::probe(bytes)?;
    check_pixels(&header, limits)?;
    if header.format == PhotoFormat::Jpeg {
        return Ok(decode_jpeg(bytes, &header, Scale::Full, limits)?.0);
    }
    let (stored, profile) = decode_other(bytes, &header)?;
    let (width, height) = header.stored_size();
    let size = (width as usize, height as usize);
    upright(&header, stored, profile.as_deref(), size)
}

/// Stored pixels of a size, as they are stored, to an upright picture in sRGB.
fn upright(
    header: &Header,
    stored: Stored,
    profile: Option<&[u8]>,
    (width, height): (usize, usize),
) -> Result<Picture, DecodeError> {
    let samples = icc::into_srgb(stored, profile);
    let picture = match samples {
        Samples::Eight(samples) => Picture::from_eight(width, height, samples),
        Samples::Sixteen(samples) => Picture::from_sixteen(width, height, samples),
    }
    .ok_or_else(|| DecodeError::Damaged {
        format: header.format_name(),
        reason: "its size differs from its header".to_owned(),
    })?;
    Ok(orient::upright(picture, header.orientation))
}

/// Refuses a file with more bytes than allowed.
pub(crate) const fn check_bytes(bytes: u64, limits: &DecodeLimits) -> Result<(), DecodeError> {
    if bytes > limits.max_file_bytes {
        return Err(DecodeError::TooManyBytes {
            bytes,
            limit: limits.max_file_bytes,
        });
    }
    Ok(())
}

/// Refuses a picture that claims more pixels than allowed.
pub(crate) fn check_pixels(header: &Header, limits: &DecodeLimits) -> Result<(), DecodeError> {
    if u64::from(header.width) * u64::from(header.height) > limits.max_pixels {
        return Err(DecodeError::TooManyPixels {
            width: header.width,
            height: header.height,
            limit: limits.max_pixels,
        });
    }
    Ok(())
}

/// Decodes a JPEG at a scale; the notes say what a person should know of it.
pub(super) fn decode_jpeg(
    bytes: &[u8],
    header: &Header,
    scale: Scale,
    limits: &DecodeLimits,
) -> Result<(Picture, Vec<String>), DecodeError> {
    let layout = jpeg::layout(bytes)?;
    let decoded = jpeg::decode(bytes, &layout, scale, limits)?;
    let profile = layout.icc(bytes);
    let size = (decoded.width, decoded.height);
    let picture = upright(header, decoded.stored, profile.as_deref(), size)?;
    Ok((picture, decoded.notes))
}

fn decode_other(bytes: &[u8], header: &Header) -> Result<(Stored, Option<Vec<u8>>), DecodeError> {
    let format = header.format;
    check_complete(bytes, format)?;
    let name = header.format_name();
    let failed = |error: ImageError| from_image_error(name, &error);
    let (width, height) = header.stored_size();
    let mut allowed = Limits::no_limits();
    // The decoder reads the header once more; it must not come to another, larger size.
    allowed.max_image_width = Some(width);
    allowed.max_image_height = Some(height);
    // Four 32-bit channels per pixel at most, and room for the decoder's own tables.
    let pixels = u64::from(width) * u64::from(height);
    allowed.max_alloc = Some(pixels.saturating_mul(16).saturating_add(64 << 20));
    let reader = Cursor::new(bytes);
    let (image, profile) = match format {
        PhotoFormat::Png => finish(
            PngDecoder::with_limits(reader, allowed.clone()).map_err(failed)?,
            allowed,
        ),
        PhotoFormat::Webp => finish(WebPDecoder::new(reader).map_err(failed)?, allowed),
        PhotoFormat::Tiff | PhotoFormat::Jpeg => {
            finish(TiffDecoder::new(reader).map_err(failed)?, allowed)
        }
    }
    .map_err(failed)?;
    let opacity = match format {
        PhotoFormat::Tiff => capture::tiff_opacity(bytes),
        _ => Opacity::Separate,
    };
    Ok((stored_from(image, opacity), profile))
}

fn finish(
    mut decoder: impl ImageDecoder,
    limits: Limits,
) -> Result<(DynamicImage, Option<Vec<u8>>), ImageError> {
    decoder.set_limits(limits)?;
    let profile = decoder.icc_profile().ok().flatten();
    Ok((DynamicImage::from_decoder(decoder)?, profile))
}

pub(super) fn from_image_error(format: &'static str, error: &ImageError) -> DecodeError {
    let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match error {
        ImageError::Unsupported(what) => DecodeError::Unsupported {
            what: match what.kind() {
                UnsupportedErrorKind::GenericFeature(feature) => {
                    format!("this kind of {format} ({})", one_line(feature.clone()))
                }
                UnsupportedErrorKind::Color(color) => {
                    format!("this kind of {format} (samples {color:?})")
                }
                _ => format!("this kind of {format}"),
            },
            hint: "open it in an image editor and save it as JPEG or as a plain 8- or 16-bit TIFF"
                .to_owned(),
        },
        ImageError::Limits(what) => DecodeError::Damaged {
            format,
            reason: format!("it asks for more memory than its size explains ({what})"),
        },
        ImageError::Decoding(what) => DecodeError::Damaged {
            format,
            reason: what.source().map_or_else(
                || one_line(what.to_string()),
                |source| one_line(source.to_string()),
            ),
        },
        ImageError::IoError(_) => DecodeError::Damaged {
            format,
            reason: "it is cut short".to_owned(),
        },
        other => DecodeError::Damaged {
            format,
            reason: one_line(other.to_string()),
        },
    }
}

fn stored_from(image: DynamicImage, opacity: Opacity) -> Stored {
    match image {
        DynamicImage::ImageLuma8(image) => Stored::Gray8(image.into_raw()),
        DynamicImage::ImageLuma16(image) => Stored::Gray16(image.into_raw()),
        DynamicImage::ImageRgb8(image) => Stored::Rgb8(image.into_raw()),
        DynamicImage::ImageRgb16(image) => Stored::Rgb16(image.into_raw()),
        DynamicImage::ImageLumaA8(image) => {
            Stored::Gray8(flattened::<u8, 2, 1>(&image.into_raw(), opacity))
        }
        DynamicImage::ImageRgba8(image) => {
            Stored::Rgb8(flattened::<u8, 4, 3>(&image.into_raw(), opacity))
        }
        DynamicImage::ImageLumaA16(image) => {
            Stored::Gray16(flattened::<u16, 2, 1>(&image.into_raw(), opacity))
        }
        DynamicImage::ImageRgba16(image) => {
            Stored::Rgb16(flattened::<u16, 4, 3>(&image.into_raw(), opacity))
        }
        DynamicImage::ImageRgb32F(image) => Stored::LinearRgb(image.into_raw()),
        other => {
            let samples = other.into_rgba32f().into_raw();
            let pixels = samples.as_chunks::<4>().0.iter();
            let on_white = pixels.flat_map(|&[red, green, blue, alpha]| {
                [red, green, blue].map(|value| match opacity {
                    Opacity::Ignored => value,
                    Opacity::Associated => value + 1.0 - alpha,
                    Opacity::Separate => value * alpha + 1.0 - alpha,
                })
            });
            Stored::LinearRgb(on_white.collect())
        }
    }
}

/// Lays pixels with a last channel of opacity on white.
fn flattened<T, const FROM: usize, const TO: usize>(samples: &[T], opacity: Opacity) -> Vec<T>
where
    T: Copy + Into<u64> + TryFrom<u64> + image::Primitive,
{
    let white: u64 = T::DEFAULT_MAX_VALUE.into();
    let mut flat = Vec::with_capacity(samples.len() / FROM * TO);
    for pixel in samples.as_chunks::<FROM>().0 {
        let alpha: u64 = pixel[FROM - 1].into();
        for &value in &pixel[..TO] {
            let wide: u64 = value.into();
            let mixed = match opacity {
                Opacity::Ignored => wide,
                Opacity::Associated => wide + white - alpha,
                Opacity::Separate => (wide * alpha + white * (white - alpha) + white / 2) / white,
            };
            flat.push(T::try_from(mixed).unwrap_or(T::DEFAULT_MAX_VALUE));
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opacity_is_laid_on_white() {
        let pixels = [0_u8, 100, 200, 255, 0, 100, 200, 0, 40, 80, 0, 128];
        assert_eq!(
            flattened::<u8, 4, 3>(&pixels, Opacity::Separate),
            [0, 100, 200, 255, 255, 255, 147, 167, 127]
        );
        assert_eq!(
            flattened::<u8, 4, 3>(&pixels, Opacity::Associated),
            [0, 100, 200, 255, 255, 255, 167, 207, 127]
        );
        assert_eq!(
            flattened::<u8, 4, 3>(&pixels, Opacity::Ignored),
            [0, 100, 200, 0, 100, 200, 40, 80, 0]
        );
        assert_eq!(
            flattened::<u16, 2, 1>(&[1000, 65535, 1000, 0], Opacity::Separate),
            [1000, 65535]
        );
    }
}
