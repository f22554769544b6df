//! EXIF, read only as far as it is needed: orientation and exposure facts. Odd, broken or hostile
//! EXIF never fails a photo: what cannot be read is not known. Tags after CIPA DC-008 (EXIF 2.32).

use exif::{Exif, Field, In, Reader, Tag, Value};

use super::blocks::{exif_block, xmp_orientation};
use super::guard::guarded;
use crate::domain::listing::Capture;

/// What the camera recorded about the exposure; all unknown where there is no EXIF.
#[must_use]
pub fn capture(bytes: &[u8]) -> Capture {
    guarded(|| read(bytes).map(|exif| facts(&exif)))
        .flatten()
        .unwrap_or_default()
}

/// What the camera recorded about how light the scene was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SceneLight {
    /// The exposure as a light value: EV at ISO 100, where time, aperture and sensitivity are known.
    pub exposure_value_100: Option<f64>,
    /// Whether the flash fired.
    pub flash: bool,
}

/// What EXIF tells of the scene's light; nothing where there is no EXIF.
#[must_use]
pub fn scene_light(bytes: &[u8]) -> SceneLight {
    guarded(|| scene_light_unguarded(bytes))
        .flatten()
        .unwrap_or_default()
}

fn scene_light_unguarded(bytes: &[u8]) -> Option<SceneLight> {
    let exif = read(bytes)?;
    let flash = exif
        .get_field(Tag::Flash, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0));
    let capture = facts(&exif);
    let exposure_value_100 = match (capture.f_number, capture.exposure_seconds, capture.iso) {
        (Some(f_number), Some(seconds), Some(iso)) => {
            Some((f_number * f_number / seconds).log2() - (f64::from(iso) / 100.0).log2())
        }
        _ => None,
    };
    Some(SceneLight {
        exposure_value_100,
        // Bit 0 says that it fired; 0xFFFF and other odd values are no flash.
        flash: flash.is_some_and(|flash| flash < 0x80 && flash & 1 == 1),
    })
}

/// What is recorded of the exposure, as far as it can be true.
fn facts(exif: &Exif) -> Capture {
    let number = |tag| positive(exif.get_field(tag, In::PRIMARY)?);
    Capture {
        taken: taken(exif),
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

/// The orientation of the stored pixels, 1 to 8: EXIF's, else XMP's; 1 where neither tells a valid one.
pub(super) fn orientation(bytes: &[u8]) -> u8 {
    read(bytes)
        .and_then(|exif| {
            exif.get_field(Tag::Orientation, In::PRIMARY)?
                .value
                .get_uint(0)
        })
        .and_then(|value| u8::try_from(value).ok())
        .filter(|value| (1..=8).contains(value))
        .or_else(|| xmp_orientation(bytes))
        .unwrap_or(1)
}

/// A colour space that EXIF tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColourMark {
    Srgb,
    AdobeRgb,
}

/// What EXIF says of the colours (CIPA DC-008, ColorSpace; DCF 2.0, InteroperabilityIndex): an option file of DCF
/// says "uncalibrated" and `R03`, some programs write 2 for Adobe RGB.
pub(super) fn colour_mark(bytes: &[u8]) -> Option<ColourMark> {
    guarded(|| colour_mark_unguarded(bytes)).flatten()
}

fn colour_mark_unguarded(bytes: &[u8]) -> Option<ColourMark> {
    let exif = read(bytes)?;
    let space = exif
        .get_field(Tag::ColorSpace, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0));
    let is_option_file = exif
        .get_field(Tag::InteroperabilityIndex, In::PRIMARY)
        .is_some_and(|field| match &field.value {
            Value::Ascii(lines) => lines.first().is_some_and(|line| line.starts_with(b"R03")),
            _ => false,
        });
    match space {
        Some(1) => Some(ColourMark::Srgb),
        Some(2) => Some(ColourMark::AdobeRgb),
        Some(65_535) | None if is_option_file => Some(ColourMark::AdobeRgb),
        _ => None,
    }
}

/// Finds and parses the EXIF block; what follows an error inside it is skipped.
pub(super) fn read(bytes: &[u8]) -> Option<Exif> {
    let mut block = exif_block(bytes)?.into_owned();
    // Raw formats write another number where TIFF has 42.
    match block.get(..4) {
        Some(b"IIU\0" | b"IIRO" | b"IIRS") => block[2..4].copy_from_slice(&[42, 0]),
        Some(b"MMOR") => block[2..4].copy_from_slice(&[0, 42]),
        _ => {}
    }
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
