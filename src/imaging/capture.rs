//! EXIF, read only as far as it is needed: orientation and exposure facts. Odd, broken or hostile
//! EXIF never fails a photo: what cannot be read is not known. Tags after CIPA DC-008 (EXIF 2.32).

use exif::{Exif, Field, In, Reader, Tag, Value};

use super::decode::Opacity;
use super::guard::guarded;
use super::header::{Content, png_chunks, sniff, webp_chunks};
use super::jpeg;
use crate::domain::listing::{Capture, PhotoFormat};

/// EXIF blocks beyond this many bytes are not read; the segment of a JPEG holds 64 KiB.
const MAX_EXIF_BYTES: usize = 4 << 20;

/// What the camera recorded about the exposure; all unknown where there is no EXIF.
#[must_use]
pub fn capture(bytes: &[u8]) -> Capture {
    guarded(|| capture_unguarded(bytes)).unwrap_or_default()
}

fn capture_unguarded(bytes: &[u8]) -> Capture {
    let Some(exif) = read(bytes) else {
        return Capture::default();
    };
    let number = |tag| positive(exif.get_field(tag, In::PRIMARY)?);
    Capture {
        taken: taken(&exif),
        exposure_seconds: number(Tag::ExposureTime).filter(|&seconds| seconds <= 3600.0),
        f_number: number(Tag::FNumber).filter(|&number| (0.5..=128.0).contains(&number)),
        iso: exif
            .get_field(Tag::PhotographicSensitivity, In::PRIMARY)
            .and_then(|field| field.value.get_uint(0))
            .filter(|iso| (1..=10_000_000).contains(iso)),
        exposure_compensation: exif
            .get_field(Tag::ExposureBiasValue, In::PRIMARY)
            .and_then(signed)
            .filter(|bias| bias.abs() <= 20.0),
        focal_length_mm: number(Tag::FocalLength).filter(|&length| length <= 10_000.0),
        focal_length_35mm: exif
            .get_field(Tag::FocalLengthIn35mmFilm, In::PRIMARY)
            .and_then(|field| field.value.get_uint(0))
            .filter(|length| (1..=10_000).contains(length))
            .map(f64::from),
        panorama: None,
    }
}

/// The EXIF orientation, 1 to 8; 1 where none is recorded or the value is no orientation.
pub(super) fn orientation(bytes: &[u8]) -> u8 {
    read(bytes)
        .and_then(|exif| {
            exif.get_field(Tag::Orientation, In::PRIMARY)?
                .value
                .get_uint(0)
        })
        .and_then(|value| u8::try_from(value).ok())
        .filter(|value| (1..=8).contains(value))
        .unwrap_or(1)
}

/// What kind of raw photo a TIFF structure holds; `None` for a plain TIFF. Raw files keep a small
/// preview where a TIFF keeps its picture, so reading one as TIFF would finish the preview.
pub(super) fn raw_photo(bytes: &[u8]) -> Option<&'static str> {
    const DNG_VERSION: Tag = Tag(exif::Context::Tiff, 0xc612);
    const SUB_IFDS: Tag = Tag(exif::Context::Tiff, 0x014a);
    const NEW_SUBFILE_TYPE: Tag = Tag(exif::Context::Tiff, 0x00fe);
    let exif = read(bytes)?;
    if exif.get_field(DNG_VERSION, In::PRIMARY).is_some() {
        return Some("a raw photo (DNG)");
    }
    let first = |tag| exif.get_field(tag, In::PRIMARY)?.value.get_uint(0);
    // 32803 is a colour filter array, 34892 linear raw.
    if matches!(first(Tag::PhotometricInterpretation), Some(32_803 | 34_892)) {
        return Some("a camera raw photo");
    }
    let reduced = first(NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1);
    (reduced && exif.get_field(SUB_IFDS, In::PRIMARY).is_some()).then_some("a camera raw photo")
}

/// What the last channel of a TIFF with one more than its colours means (TIFF 6.0, ExtraSamples).
pub(super) fn tiff_opacity(bytes: &[u8]) -> Opacity {
    const EXTRA_SAMPLES: Tag = Tag(exif::Context::Tiff, 0x0152);
    match first_value(bytes, EXTRA_SAMPLES) {
        Some(0) => Opacity::Ignored,
        Some(1) => Opacity::Associated,
        // Writers that do not say it mean opacity.
        _ => Opacity::Separate,
    }
}

/// Whether the bits of each byte of a TIFF are stored in reverse, as fax machines do it.
pub(super) fn tiff_bits_reversed(bytes: &[u8]) -> bool {
    const FILL_ORDER: Tag = Tag(exif::Context::Tiff, 0x010a);
    first_value(bytes, FILL_ORDER) == Some(2)
}

fn first_value(bytes: &[u8], tag: Tag) -> Option<u32> {
    read(bytes)?.get_field(tag, In::PRIMARY)?.value.get_uint(0)
}

/// The position behind the last strip or tile of a TIFF's first picture, as far as its directory
/// says it.
pub(super) fn strip_end(bytes: &[u8]) -> Option<u64> {
    const TILE_OFFSETS: Tag = Tag(exif::Context::Tiff, 0x0144);
    const TILE_BYTE_COUNTS: Tag = Tag(exif::Context::Tiff, 0x0145);
    let exif = read(bytes)?;
    let end = |offsets, counts| {
        let offsets = exif.get_field(offsets, In::PRIMARY)?.value.iter_uint()?;
        let counts = exif.get_field(counts, In::PRIMARY)?.value.iter_uint()?;
        offsets
            .zip(counts)
            .map(|(offset, count)| u64::from(offset) + u64::from(count))
            .max()
    };
    end(Tag::StripOffsets, Tag::StripByteCounts).or_else(|| end(TILE_OFFSETS, TILE_BYTE_COUNTS))
}

/// Finds and parses the EXIF block; what follows an error inside it is skipped.
fn read(bytes: &[u8]) -> Option<Exif> {
    let block = match sniff(bytes) {
        Content::Photo(PhotoFormat::Jpeg) => bytes.get(jpeg::layout(bytes).ok()?.exif?)?.to_vec(),
        Content::Photo(PhotoFormat::Png) => {
            let (_, range) = png_chunks(bytes).find(|(name, _)| name == b"eXIf")?;
            bytes
                .get(range)
                .filter(|block| block.len() <= MAX_EXIF_BYTES)?
                .to_vec()
        }
        Content::Photo(PhotoFormat::Webp) => {
            let (_, range) = webp_chunks(bytes).find(|(name, _)| name == b"EXIF")?;
            let data = bytes
                .get(range)
                .filter(|block| block.len() <= MAX_EXIF_BYTES)?;
            // Some writers keep the prefix that only JPEG needs.
            data.strip_prefix(b"Exif\0\0").unwrap_or(data).to_vec()
        }
        Content::Photo(PhotoFormat::Tiff) => bytes.to_vec(),
        Content::OtherPicture(..) | Content::Unknown => return None,
    };
    Reader::new()
        .continue_on_error(true)
        .read_raw(block)
        .or_else(|error| error.distill_partial_result(|_| {}))
        .ok()
}

fn positive(field: &Field) -> Option<f64> {
    signed(field).filter(|value| *value > 0.0)
}

fn signed(field: &Field) -> Option<f64> {
    let value = match &field.value {
        Value::Rational(values) => values.first()?.to_f64(),
        Value::SRational(values) => values.first()?.to_f64(),
        Value::Float(values) => f64::from(*values.first()?),
        Value::Double(values) => *values.first()?,
        other => f64::from(other.get_uint(0)?),
    };
    value.is_finite().then_some(value)
}

/// `YYYY:MM:DD hh:mm:ss` and the fraction's digits to `YYYY-MM-DDThh:mm:ss.fff`.
fn taken(exif: &Exif) -> Option<String> {
    let text = |tag| match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => {
            let line = lines.first()?.get(..lines.first()?.len().min(40))?;
            Some(String::from_utf8_lossy(line).trim().to_owned())
        }
        _ => None,
    };
    let original = text(Tag::DateTimeOriginal)?;
    let moment = jiff::civil::DateTime::strptime("%Y:%m:%d %H:%M:%S", &original).ok()?;
    let digits = text(Tag::SubSecTimeOriginal).unwrap_or_default();
    let digits: String = digits
        .chars()
        .take_while(char::is_ascii_digit)
        .take(6)
        .collect();
    let fraction = if digits.is_empty() {
        String::new()
    } else {
        format!(".{digits}")
    };
    Some(format!(
        "{}{fraction}",
        moment.strftime("%Y-%m-%dT%H:%M:%S")
    ))
}
