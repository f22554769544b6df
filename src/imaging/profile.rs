//! The sRGB profile that outputs carry, written out byte by byte, so that it is small and the same
//! on every run: a display profile of ICC version 4.2 (ICC.1:2004-10) with the primaries and the
//! transfer curve of IEC 61966-2-1, adapted to the D50 of the connection space.

use std::sync::OnceLock;

/// Values of type s15Fixed16Number are multiples of this part.
const ONE: f64 = 65_536.0;

/// The white of the connection space, D50.
const WHITE: [f64; 3] = [0.964_2, 1.0, 0.824_9];
const RED: [f64; 3] = [0.436_07, 0.222_49, 0.013_92];
const GREEN: [f64; 3] = [0.385_15, 0.716_87, 0.097_08];
const BLUE: [f64; 3] = [0.143_07, 0.060_61, 0.714_10];

/// The linear Bradford adaptation from D65 to D50, row by row.
const ADAPTATION: [f64; 9] = [
    1.047_88, 0.022_92, -0.050_20, 0.029_59, 0.990_48, -0.017_06, -0.009_23, 0.015_08, 0.751_68,
];

/// Parametric curve of type 3: gamma, a, b, c, d.
const CURVE: [f64; 5] = [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.040_45];

/// The sRGB profile (IEC 61966-2-1) as ICC bytes, the same on every run.
#[must_use]
pub fn srgb_profile() -> &'static [u8] {
    static PROFILE: OnceLock<Vec<u8>> = OnceLock::new();
    PROFILE.get_or_init(write)
}

fn write() -> Vec<u8> {
    let curve = tag(b"para", &[&[0, 3, 0, 0], fixed(&CURVE).as_slice()].concat());
    let parts: [(&[&[u8; 4]], Vec<u8>); 8] = [
        (&[b"desc"], text("sRGB")),
        (&[b"cprt"], text("CC0")),
        (&[b"wtpt"], tag(b"XYZ ", &fixed(&WHITE))),
        (&[b"chad"], tag(b"sf32", &fixed(&ADAPTATION))),
        (&[b"rXYZ"], tag(b"XYZ ", &fixed(&RED))),
        (&[b"gXYZ"], tag(b"XYZ ", &fixed(&GREEN))),
        (&[b"bXYZ"], tag(b"XYZ ", &fixed(&BLUE))),
        (&[b"rTRC", b"gTRC", b"bTRC"], curve),
    ];
    let entries: usize = parts.iter().map(|(names, _)| names.len()).sum();
    let mut table = long(entries);
    let mut data = Vec::new();
    for (names, part) in &parts {
        let offset = 128 + 4 + 12 * entries + data.len();
        for name in *names {
            table.extend_from_slice(*name);
            table.extend(long(offset));
            table.extend(long(part.len()));
        }
        data.extend_from_slice(part);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let mut profile = header(128 + table.len() + data.len());
    profile.extend(table);
    profile.extend(data);
    profile
}

/// The 128 bytes before the tag table.
fn header(size: usize) -> Vec<u8> {
    let mut header = long(size);
    header.extend([0; 4]);
    header.extend(0x0420_0000_u32.to_be_bytes());
    header.extend(b"mntrRGB XYZ ");
    // A date must stand here; the profile has none, so it is the first of the century.
    for number in [2000_u16, 1, 1, 0, 0, 0] {
        header.extend(number.to_be_bytes());
    }
    header.extend(b"acsp");
    header.resize(68, 0);
    header.extend(fixed(&WHITE));
    header.resize(128, 0);
    header
}

fn long(number: usize) -> Vec<u8> {
    (number as u32).to_be_bytes().to_vec()
}

fn fixed(values: &[f64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| ((value * ONE).round() as i32).to_be_bytes())
        .collect()
}

fn tag(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [kind.as_slice(), &[0; 4], data].concat()
}

/// A multiLocalizedUnicodeType with one English text of ASCII letters.
fn text(text: &str) -> Vec<u8> {
    let letters: Vec<u8> = text.bytes().flat_map(|letter| [0, letter]).collect();
    let mut data = [long(1), long(12), b"enUS".to_vec()].concat();
    data.extend(long(letters.len()));
    data.extend(long(28));
    data.extend(letters);
    tag(b"mluc", &data)
}

#[cfg(test)]
mod tests {
    use moxcms::{ColorProfile, Layout, TransformOptions};

    use super::*;

    #[test]
    fn it_is_srgb_and_always_the_same() {
        let profile = srgb_profile();
        assert_eq!(
            profile.len(),
            u32::from_be_bytes(profile[..4].try_into().unwrap()) as usize
        );
        assert_eq!(profile, write());
        let read = ColorProfile::new_from_slice(profile).unwrap();
        let levels: Vec<u8> = (0..=u8::MAX)
            .flat_map(|level| [level, 255 - level, 128])
            .collect();
        let mut converted = vec![0; levels.len()];
        read.create_transform_8bit(
            Layout::Rgb,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            TransformOptions::default(),
        )
        .unwrap()
        .transform(&levels, &mut converted)
        .unwrap();
        let largest = levels
            .iter()
            .zip(&converted)
            .map(|(from, to)| from.abs_diff(*to))
            .max();
        assert!(largest <= Some(1), "{largest:?}");
    }
}
