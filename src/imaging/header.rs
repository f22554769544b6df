//! What a file is, judged by its content: format, size as seen, orientation and depth from the
//! header alone, and whether the file is complete, without decoding a pixel.

use std::ops::Range;

use remedia_jpeg::Scale;

use super::capture;
use super::decode::{DecodeError, DecodeLimits};
use super::guard::{gave_up, guarded};
use super::orient::swaps_axes;
use super::tiff::{self, Tree};
use super::{bmp, gif, heic, jpeg, raw, space};
use crate::domain::listing::PhotoFormat;

/// What a photo's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Format by content.
    pub format: PhotoFormat,
    /// Width of the upright picture in pixels, at least 1.
    pub width: u32,
    /// Height of the upright picture in pixels, at least 1.
    pub height: u32,
    /// EXIF orientation of the stored pixels, 1 to 8.
    pub orientation: u8,
    /// Bits per sample as stored: 8, 16 or 32; palettes and bitmaps count as 8.
    pub bits_per_sample: u8,
    /// Whether the file is a progressive JPEG.
    pub progressive: bool,
}

impl Header {
    /// Width and height of the stored pixels, before they are turned upright.
    #[must_use]
    pub const fn stored_size(&self) -> (u32, u32) {
        if swaps_axes(self.orientation) {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }

    pub(super) const fn format_name(&self) -> &'static str {
        format_name(self.format)
    }
}

pub(super) const fn format_name(format: PhotoFormat) -> &'static str {
    match format {
        PhotoFormat::Jpeg => "JPEG",
        PhotoFormat::Png => "PNG",
        PhotoFormat::Webp => "WebP",
        PhotoFormat::Tiff => "TIFF",
        PhotoFormat::Bmp => "BMP",
        PhotoFormat::Gif => "GIF",
        PhotoFormat::Heic => "HEIC",
        PhotoFormat::Raw => "raw",
    }
}

/// What the first bytes of a file show it to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A format that this build reads.
    Photo(PhotoFormat),
    /// A picture of another format: its name and what to do with it.
    OtherPicture(&'static str, &'static str),
    /// No picture.
    Unknown,
}

const EXPORT: &str = "export it as JPEG first";
const PHONE: &str =
    "convert it to JPEG first; phones can take JPEG (\"most compatible\") themselves";

/// Judges by content; 32 bytes are enough.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Content {
    let at = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(&[0xff, 0xd8, 0xff]) {
        return Content::Photo(PhotoFormat::Jpeg);
    }
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Content::Photo(PhotoFormat::Png);
    }
    if starts(b"RIFF") && at(8..12) == b"WEBP" {
        return Content::Photo(PhotoFormat::Webp);
    }
    if starts(b"II*\0") && matches!(at(8..10), b"CR") {
        return Content::Photo(PhotoFormat::Raw);
    }
    if starts(b"II*\0") || starts(b"MM\0*") || starts(b"II+\0") || starts(b"MM\0+") {
        return Content::Photo(PhotoFormat::Tiff);
    }
    if at(4..8) == b"ftyp" {
        return sniff_boxes(bytes);
    }
    if starts(b"IIU\0")
        || starts(b"IIRO")
        || starts(b"IIRS")
        || starts(b"MMOR")
        || starts(b"FUJIFILMCCD-RAW")
    {
        return Content::Photo(PhotoFormat::Raw);
    }
    if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL \r\n\x87\n") {
        return Content::OtherPicture("a JPEG XL picture", EXPORT);
    }
    if starts(b"\0\0\0\x0cjP  \r\n\x87\n") || starts(&[0xff, 0x4f, 0xff, 0x51]) {
        return Content::OtherPicture("a JPEG 2000 picture", EXPORT);
    }
    if starts(b"GIF87a") || starts(b"GIF89a") {
        return Content::Photo(PhotoFormat::Gif);
    }
    if starts(b"BM") && at(6..10) == [0; 4] {
        return Content::Photo(PhotoFormat::Bmp);
    }
    if starts(b"8BPS") {
        return Content::OtherPicture("a Photoshop document", "export it as JPEG or TIFF first");
    }
    if is_svg(bytes) {
        return Content::OtherPicture("an SVG drawing", EXPORT);
    }
    Content::Unknown
}

/// A file of boxes (ISO/IEC 14496-12), by the brands that it names.
fn sniff_boxes(bytes: &[u8]) -> Content {
    let at = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    let heic = if cfg!(feature = "heic") {
        Content::Photo(PhotoFormat::Heic)
    } else {
        Content::OtherPicture("an HEIC photo", PHONE)
    };
    let avif = Content::OtherPicture("an AVIF picture", EXPORT);
    match at(8..12) {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => heic,
        b"avif" | b"avis" => avif,
        b"crx " => Content::Photo(PhotoFormat::Raw),
        b"mif1" | b"msf1" | b"mif2" => {
            // These brands are of the container alone; the others say what is in it.
            let length = u32_be(bytes, 0).unwrap_or(0) as usize;
            let brands = at(16..length.clamp(16, bytes.len().max(16)));
            let mut brands = brands.as_chunks::<4>().0.iter();
            if brands.any(|brand| matches!(brand, b"avif" | b"avis")) {
                avif
            } else {
                heic
            }
        }
        _ => Content::Unknown,
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg"))
}

/// Reads the header of a photo. Orientation comes from EXIF, 1 where there is none.
///
/// # Errors
/// [`DecodeError::Unsupported`] or [`DecodeError::Damaged`].
pub fn probe(bytes: &[u8]) -> Result<Header, DecodeError> {
    guarded(|| probe_unguarded(bytes)).unwrap_or_else(|| Err(gave_up(bytes)))
}

fn probe_unguarded(bytes: &[u8]) -> Result<Header, DecodeError> {
    let format = match sniff(bytes) {
        Content::Photo(format) => format,
        Content::OtherPicture(what, hint) => {
            return Err(DecodeError::Unsupported {
                what: what.to_owned(),
                hint: hint.to_owned(),
            });
        }
        Content::Unknown => {
            return Err(DecodeError::Unsupported {
                what: "content that is not a photo format".to_owned(),
                hint: EXPORT.to_owned(),
            });
        }
    };
    // Many raw formats begin as TIFF does.
    let format = match Tree::new(bytes) {
        Some(tree) if format == PhotoFormat::Tiff && raw::kind_of_tiff(&tree).is_some() => {
            PhotoFormat::Raw
        }
        _ => format,
    };
    let mut orientation = None;
    let (width, height, bits_per_sample, progressive) = match format {
        PhotoFormat::Jpeg => {
            let layout = jpeg::layout(bytes)?;
            (
                layout.width,
                layout.height,
                layout.precision,
                layout.progressive,
            )
        }
        PhotoFormat::Png => png_header(bytes)?,
        PhotoFormat::Webp => webp_header(bytes)?,
        PhotoFormat::Tiff => {
            let tree = Tree::new(bytes).ok_or_else(|| gave_up(bytes))?;
            let page = tiff::page(&tree)?;
            orientation = page.orientation(&tree);
            let bits = page.bits.clamp(8, 64) as u8;
            (page.width, page.height, bits, false)
        }
        PhotoFormat::Bmp => bmp::header(bytes)?,
        PhotoFormat::Gif => gif::header(bytes)?,
        PhotoFormat::Heic => {
            let header = heic::header(bytes)?;
            // The container's own turns are in the size already, and EXIF only repeats them.
            orientation = Some(1);
            let bits = if header.bits > 8 { 16 } else { 8 };
            (header.width, header.height, bits, false)
        }
        PhotoFormat::Raw => {
            let preview = raw::preview(bytes)?;
            orientation = Some(preview.orientation);
            (preview.width, preview.height, 8, false)
        }
    };
    if width == 0 || height == 0 {
        return Err(DecodeError::Damaged {
            format: format_name(format),
            reason: "its width or height is zero".to_owned(),
        });
    }
    let orientation = orientation.unwrap_or_else(|| capture::orientation(bytes));
    let (width, height) = if swaps_axes(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    Ok(Header {
        format,
        width,
        height,
        orientation,
        bits_per_sample,
        progressive,
    })
}

/// Checks that the file is whole. A JPEG's data are read, at the lowest resolution, and judged as [`decode`] judges
/// them; of other formats only the parts are walked, and damage inside the compressed data shows when it is decoded.
///
/// [`decode`]: super::decode()
///
/// # Errors
/// [`DecodeError::Damaged`] for a file that is cut short or damaged.
pub fn check_complete(bytes: &[u8], format: PhotoFormat) -> Result<(), DecodeError> {
    guarded(|| check_complete_unguarded(bytes, format)).unwrap_or_else(|| Err(gave_up(bytes)))
}

fn check_complete_unguarded(bytes: &[u8], format: PhotoFormat) -> Result<(), DecodeError> {
    let cut = |reason: &str| DecodeError::Damaged {
        format: format_name(format),
        reason: format!("it is cut short: {reason}"),
    };
    match format {
        PhotoFormat::Jpeg => {
            let layout = jpeg::layout(bytes)?;
            let pixels = u64::from(layout.width) * u64::from(layout.height);
            let limits = DecodeLimits {
                max_pixels: pixels,
                ..DecodeLimits::default()
            };
            jpeg::decode(bytes, &layout, Scale::Eighth, &limits).map(|_| ())
        }
        PhotoFormat::Png => png_chunks(bytes)
            .any(|(name, range)| name == *b"IEND" && range.end <= bytes.len())
            .then_some(())
            .ok_or_else(|| cut("the end chunk is missing")),
        PhotoFormat::Webp => {
            let stated = u32_le(bytes, 4).map_or(u64::MAX, |size| u64::from(size) + 8);
            (stated <= bytes.len() as u64)
                .then_some(())
                .ok_or_else(|| cut("it has fewer bytes than it says"))
        }
        PhotoFormat::Tiff => {
            let tree = Tree::new(bytes).ok_or_else(|| gave_up(bytes))?;
            let complete = tiff::page(&tree)?.is_complete(bytes.len());
            complete
                .then_some(())
                .ok_or_else(|| cut("picture data lie behind its end"))
        }
        PhotoFormat::Bmp => {
            let end = bmp::end(bytes).unwrap_or(0);
            (end <= bytes.len() as u64)
                .then_some(())
                .ok_or_else(|| cut("it has fewer bytes than its picture needs"))
        }
        PhotoFormat::Gif => gif::check_complete(bytes),
        PhotoFormat::Heic => heic::check_complete(bytes),
        PhotoFormat::Raw => raw::preview(bytes).map(|_| ()),
    }
}

fn u32_be(bytes: &[u8], position: usize) -> Option<u32> {
    let digits = bytes.get(position..position.checked_add(4)?)?;
    Some(u32::from_be_bytes(digits.try_into().ok()?))
}

pub(super) fn u32_le(bytes: &[u8], position: usize) -> Option<u32> {
    let digits = bytes.get(position..position.checked_add(4)?)?;
    Some(u32::from_le_bytes(digits.try_into().ok()?))
}

/// The chunks of a PNG: name and range of the data, which may lie beyond the file's end.
pub(super) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], Range<usize>)> {
    let mut position = 8;
    std::iter::from_fn(move || {
        let length = u32_be(bytes, position)? as usize;
        let name = u32_be(bytes, position + 4)?.to_be_bytes();
        let start = position + 8;
        let end = start.checked_add(length)?;
        position = end.checked_add(4)?;
        Some((name, start..end))
    })
}

/// The chunks of a WebP: name and range of the data, which may lie beyond the file's end.
pub(super) fn webp_chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], Range<usize>)> {
    let mut position = 12;
    std::iter::from_fn(move || {
        let name = u32_be(bytes, position)?.to_be_bytes();
        let length = u32_le(bytes, position + 4)? as usize;
        let start = position + 8;
        let end = start.checked_add(length)?;
        position = end.checked_add(length % 2)?;
        Some((name, start..end))
    })
}

fn png_header(bytes: &[u8]) -> Result<(u32, u32, u8, bool), DecodeError> {
    let header = || {
        if bytes.get(12..16)? != b"IHDR" {
            return None;
        }
        let (width, height) = (u32_be(bytes, 16)?, u32_be(bytes, 20)?);
        Some((width, height, *bytes.get(24)?))
    };
    let (width, height, bits) = header().ok_or_else(|| DecodeError::Damaged {
        format: "PNG",
        reason: "its header is missing or cut short".to_owned(),
    })?;
    space::check_png(bytes)?;
    Ok((width, height, bits.max(8), false))
}

fn webp_header(bytes: &[u8]) -> Result<(u32, u32, u8, bool), DecodeError> {
    let damaged = || DecodeError::Damaged {
        format: "WebP",
        reason: "its header is missing or cut short".to_owned(),
    };
    let (name, range) = webp_chunks(bytes).next().ok_or_else(damaged)?;
    let data = bytes.get(range.start..).unwrap_or_default();
    let size = match &name {
        b"VP8X" => {
            if data.first().is_some_and(|flags| flags & 0b10 != 0) {
                return Err(DecodeError::Unsupported {
                    what: "an animated WebP".to_owned(),
                    hint: EXPORT.to_owned(),
                });
            }
            let side = |position| {
                u32_le(data, position).map(|side| (side & 0x00ff_ffff).saturating_add(1))
            };
            // Three bytes each, so the second is read one byte early and shifted.
            side(4).zip(u32_le(data, 6).map(|side| (side >> 8).saturating_add(1)))
        }
        b"VP8 " => {
            let key_frame = data.get(3..6) == Some(&[0x9d, 0x01, 0x2a]);
            u32_le(data, 6)
                .filter(|_| key_frame)
                .map(|sides| (sides & 0x3fff, sides >> 16 & 0x3fff))
        }
        b"VP8L" => u32_le(data, 1)
            .filter(|_| data.first() == Some(&0x2f))
            .map(|sides| ((sides & 0x3fff) + 1, (sides >> 14 & 0x3fff) + 1)),
        _ => None,
    };
    let (width, height) = size.ok_or_else(damaged)?;
    Ok((width, height, 8, false))
}
