//! Which colours the stored samples mean, where no profile is embedded: the marks of a PNG (PNG, third edition,
//! 4.3: cICP before iCCP before sRGB before gAMA with cHRM) and of EXIF (DCF 2.0, option files).

use std::borrow::Cow;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics,
};

use super::capture::{self, ColourMark};
use super::decode::DecodeError;
use super::header::png_chunks;

/// The colour space of stored samples.
#[derive(Debug)]
pub(super) enum Space {
    /// sRGB, or nothing says it.
    Srgb,
    /// An embedded ICC profile.
    Icc(Vec<u8>),
    /// A space that is told by numbers.
    Known(Box<ColorProfile>),
}

impl Space {
    /// The space of a file without colour marks of its own format: the embedded profile, else what EXIF says.
    pub(super) fn of(profile: Option<Vec<u8>>, bytes: &[u8]) -> Self {
        match profile {
            Some(profile) => Self::Icc(profile),
            None => Self::from_exif(bytes),
        }
    }

    /// Cameras that are set to Adobe RGB (1998) embed no profile; DCF's option files say it in EXIF.
    fn from_exif(bytes: &[u8]) -> Self {
        match capture::colour_mark(bytes) {
            Some(ColourMark::AdobeRgb) => Self::Known(Box::new(ColorProfile::new_adobe_rgb())),
            Some(ColourMark::Srgb) | None => Self::Srgb,
        }
    }
}

/// The colour space of a PNG; `profile` is what its iCCP chunk holds.
pub(super) fn of_png(bytes: &[u8], profile: Option<Vec<u8>>) -> Space {
    if let Some(code) = code_points(bytes)
        && let Some(known) = code.profile()
    {
        return Space::Known(Box::new(known));
    }
    if let Some(profile) = profile {
        return Space::Icc(profile);
    }
    if chunk(bytes, b"sRGB").is_some() {
        return Space::Srgb;
    }
    let gamma = chunk(bytes, b"gAMA")
        .and_then(|data| long(data, 0))
        .filter(|gamma| (1..=500_000).contains(gamma))
        .map(|gamma| f64::from(gamma) / 100_000.0);
    match (gamma, chunk(bytes, b"cHRM").and_then(primaries)) {
        (Some(gamma), Some((white, primaries))) => by_numbers(gamma, white, primaries),
        // Within a twentieth of the usual 1 / 2.2 it says nothing that sRGB does not say better.
        (Some(gamma), None) if (gamma * 2.2 - 1.0).abs() <= 0.05 => Space::Srgb,
        (Some(gamma), None) => {
            let point = |x, y| Chromaticity { x, y };
            let primaries = ColorPrimaries {
                red: point(0.64, 0.33),
                green: point(0.30, 0.60),
                blue: point(0.15, 0.06),
            };
            by_numbers(gamma, point(0.3127, 0.3290), primaries)
        }
        (None, _) => Space::from_exif(bytes),
    }
}

/// A PNG whose brightness is coded for HDR displays, or in a way that is not read: refused before it is decoded.
pub(super) fn check_png(bytes: &[u8]) -> Result<(), DecodeError> {
    let Some(code) = code_points(bytes) else {
        return Ok(());
    };
    let what = match code.transfer {
        16 => "an HDR picture (PQ)",
        18 => "an HDR picture (HLG)",
        _ if code.matrix == 0 && !code.full_range && code.profile().is_some() => {
            "a PNG with the reduced range of video"
        }
        _ => return Ok(()),
    };
    Err(DecodeError::Unsupported {
        what: what.to_owned(),
        hint: "export it as an ordinary (SDR) JPEG or PNG first".to_owned(),
    })
}

/// The profile of primaries and transfer of ITU-T H.273; `None` where one is not known.
#[cfg_attr(
    not(feature = "heic"),
    expect(dead_code, reason = "only HEIC names its colours so")
)]
pub(super) fn from_code_points(primaries: u8, transfer: u8) -> Option<ColorProfile> {
    CodePoints {
        primaries,
        transfer,
        matrix: 0,
        full_range: true,
    }
    .profile()
}

/// The bytes of a PNG for its decoder, which refuses a cICP chunk that browsers pass over: one with a matrix.
pub(super) fn without_odd_code_points(bytes: &[u8]) -> Cow<'_, [u8]> {
    let odd = png_chunks(bytes)
        .take_while(|(name, _)| name != b"IDAT")
        .find(|(name, range)| {
            name == b"cICP" && !matches!(bytes.get(range.clone()), Some([_, _, 0, 0 | 1]))
        });
    match odd {
        // Length and name lie before the data, the checksum behind.
        Some((_, range)) if range.end + 4 <= bytes.len() => {
            let mut copy = bytes.to_vec();
            copy.drain(range.start - 8..range.end + 4);
            Cow::Owned(copy)
        }
        _ => Cow::Borrowed(bytes),
    }
}

/// Code points of ITU-T H.273.
#[derive(Clone, Copy, Debug)]
struct CodePoints {
    primaries: u8,
    transfer: u8,
    matrix: u8,
    full_range: bool,
}

impl CodePoints {
    /// The profile; `None` where a point is not known, and then the next mark counts.
    fn profile(self) -> Option<ColorProfile> {
        let known = matches!(self.primaries, 1 | 4..=12 | 22)
            && matches!(self.transfer, 1 | 4..=8 | 13..=15 | 17)
            && self.matrix == 0;
        if !known {
            return None;
        }
        let profile = ColorProfile::new_from_cicp(CicpProfile {
            color_primaries: CicpColorPrimaries::try_from(self.primaries).ok()?,
            transfer_characteristics: TransferCharacteristics::try_from(self.transfer).ok()?,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        });
        profile.red_trc.is_some().then_some(profile)
    }
}

fn code_points(bytes: &[u8]) -> Option<CodePoints> {
    let &[primaries, transfer, matrix, range] = chunk(bytes, b"cICP")? else {
        return None;
    };
    Some(CodePoints {
        primaries,
        transfer,
        matrix,
        full_range: range == 1,
    })
}

/// The chunk of this name before the picture data, where colour marks must lie.
fn chunk<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    let (_, range) = png_chunks(bytes)
        .take_while(|(name, _)| name != b"IDAT")
        .find(|(name, _)| name == wanted)?;
    bytes.get(range)
}

fn long(data: &[u8], place: usize) -> Option<u32> {
    let digits = data.get(place * 4..place * 4 + 4)?;
    Some(u32::from_be_bytes(digits.try_into().ok()?))
}

/// White and the three primaries as x and y, where they span a space.
fn primaries(data: &[u8]) -> Option<(Chromaticity, ColorPrimaries)> {
    let point = |place: usize| {
        let [x, y] = [long(data, place)?, long(data, place + 1)?];
        let point = Chromaticity {
            x: (f64::from(x) / 100_000.0) as f32,
            y: (f64::from(y) / 100_000.0) as f32,
        };
        (point.y > 0.0 && point.x + point.y <= 1.0001).then_some(point)
    };
    let white = point(0)?;
    let (red, green, blue) = (point(2)?, point(4)?, point(6)?);
    let area = (green.x - red.x) * (blue.y - red.y) - (blue.x - red.x) * (green.y - red.y);
    (area.abs() > 0.01 && white.x > 0.0).then_some((white, ColorPrimaries { red, green, blue }))
}

fn by_numbers(gamma: f64, white: Chromaticity, primaries: ColorPrimaries) -> Space {
    let mut profile = ColorProfile::new_srgb();
    profile.update_rgb_colorimetry(white.to_xyyb(), primaries);
    let matrix = profile.rgb_to_xyz_matrix();
    if !matrix.v.iter().flatten().all(|value| value.is_finite()) {
        return Space::Srgb;
    }
    let curve = ToneReprCurve::Parametric(vec![(1.0 / gamma) as f32]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    Space::Known(Box::new(profile))
}
