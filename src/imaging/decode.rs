//! From a file's bytes to an upright sRGB [`Picture`]. Everything that a file claims is checked
//! against limits before memory is spent on it, and a picture that is not complete is an error: a
//! half-grey photo must not be finished as if it were whole.

use std::error::Error as _;
use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::error::{ImageError, UnsupportedErrorKind};
use image::{DynamicImage, ImageDecoder, Limits};
use remedia_jpeg::Scale;

use super::guard::{gave_up, guarded};
use super::header::{self, Header, check_complete};
use super::heic;
use super::icc;
use super::jpeg;
use super::opacity::{Opacity, on_white};
use super::orient;
use super::picture::{Picture, Samples};
use super::raw;
use super::space::{self, Space};
use super::tiff::{self, Tree};
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

/// Pixels as they are stored, before colour conversion.
pub(super) enum Stored {
    Gray8(Vec<u8>),
    Gray16(Vec<u16>),
    Rgb8(Vec<u8>),
    Rgb16(Vec<u16>),
    /// Four 8-bit channels, 255 is no ink.
    InvertedCmyk(Vec<u8>),
    /// Three channels that are sRGB already, whatever profile there is.
    Srgb16(Vec<u16>),
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
    let (stored, space) = decode_other(bytes, &header, limits)?;
    let (width, height) = header.stored_size();
    upright(&header, stored, &space, (width as usize, height as usize))
}

/// Stored pixels of a size, as they are stored, to an upright picture in sRGB.
fn upright(
    header: &Header,
    stored: Stored,
    space: &Space,
    (width, height): (usize, usize),
) -> Result<Picture, DecodeError> {
    let samples = icc::into_srgb(stored, space);
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
    let (decoded, profile) = stored_jpeg(bytes, scale, limits)?;
    let space = Space::of(profile, bytes);
    let size = (decoded.width, decoded.height);
    let picture = upright(header, decoded.stored, &space, size)?;
    Ok((picture, decoded.notes))
}

/// A JPEG's pixels as they are stored, with its profile.
fn stored_jpeg(
    bytes: &[u8],
    scale: Scale,
    limits: &DecodeLimits,
) -> Result<(jpeg::JpegPicture, Option<Vec<u8>>), DecodeError> {
    let layout = jpeg::layout(bytes)?;
    let decoded = jpeg::decode(bytes, &layout, scale, limits)?;
    Ok((decoded, layout.icc(bytes)))
}

fn decode_other(
    bytes: &[u8],
    header: &Header,
    limits: &DecodeLimits,
) -> Result<(Stored, Space), DecodeError> {
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
    match format {
        PhotoFormat::Tiff => {
            let tree = Tree::new(bytes).ok_or_else(|| gave_up(bytes))?;
            let page = tiff::page(&tree)?;
            let (stored, profile) = tiff::decode(&tree, &page, &|bytes, size| {
                jpeg_within(bytes, size, limits)
            })?;
            Ok((stored, Space::of(profile, bytes)))
        }
        PhotoFormat::Png => {
            let accepted = space::without_odd_code_points(bytes);
            let decoder = PngDecoder::with_limits(Cursor::new(&accepted[..]), allowed.clone())
                .map_err(failed)?;
            let (image, profile) = finish(decoder, allowed).map_err(failed)?;
            Ok((stored_from(image), space::of_png(bytes, profile)))
        }
        PhotoFormat::Webp => {
            let decoder = WebPDecoder::new(reader).map_err(failed)?;
            let (image, profile) = finish(decoder, allowed).map_err(failed)?;
            Ok((stored_from(image), Space::of(profile, bytes)))
        }
        PhotoFormat::Bmp => {
            let decoder = BmpDecoder::new(reader).map_err(failed)?;
            let (image, profile) = finish(decoder, allowed).map_err(failed)?;
            Ok((stored_from(image), Space::of(profile, bytes)))
        }
        PhotoFormat::Gif => {
            let decoder = GifDecoder::new(reader).map_err(failed)?;
            let (image, _) = finish(decoder, allowed).map_err(failed)?;
            Ok((stored_from(image), Space::Srgb))
        }
        PhotoFormat::Heic => heic::decode(bytes, (width, height)),
        PhotoFormat::Raw => {
            let preview = raw::preview(bytes)?;
            let (decoded, profile) = stored_jpeg(preview.jpeg, Scale::Full, limits)?;
            let space = match profile {
                Some(profile) => Space::Icc(profile),
                // The raw file's own EXIF tells the camera's setting.
                None => match Space::of(None, preview.jpeg) {
                    Space::Srgb => Space::of(None, bytes),
                    told => told,
                },
            };
            Ok((decoded.stored, space))
        }
        PhotoFormat::Jpeg => {
            let (decoded, profile) = stored_jpeg(bytes, Scale::Full, limits)?;
            Ok((decoded.stored, Space::of(profile, bytes)))
        }
    }
}

/// A JPEG inside a TIFF, at most of the size that its place has.
fn jpeg_within(
    bytes: &[u8],
    (width, height): (u32, u32),
    limits: &DecodeLimits,
) -> Result<Stored, DecodeError> {
    let layout = jpeg::layout(bytes)?;
    if layout.width != width || layout.height > height {
        return Err(DecodeError::Damaged {
            format: "TIFF",
            reason: "a JPEG in it has another size than its place".to_owned(),
        });
    }
    stored_jpeg(bytes, Scale::Full, limits).map(|(decoded, _)| decoded.stored)
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

fn stored_from(image: DynamicImage) -> Stored {
    let alpha = Opacity::Separate;
    match image {
        DynamicImage::ImageLuma8(image) => Stored::Gray8(image.into_raw()),
        DynamicImage::ImageLuma16(image) => Stored::Gray16(image.into_raw()),
        DynamicImage::ImageRgb8(image) => Stored::Rgb8(image.into_raw()),
        DynamicImage::ImageRgb16(image) => Stored::Rgb16(image.into_raw()),
        DynamicImage::ImageLumaA8(image) => Stored::Gray8(on_white(&image.into_raw(), 2, 1, alpha)),
        DynamicImage::ImageRgba8(image) => Stored::Rgb8(on_white(&image.into_raw(), 4, 3, alpha)),
        DynamicImage::ImageLumaA16(image) => {
            Stored::Gray16(on_white(&image.into_raw(), 2, 1, alpha))
        }
        other => Stored::Rgb16(on_white(&other.into_rgba16().into_raw(), 4, 3, alpha)),
    }
}
