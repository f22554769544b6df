//! Colour arithmetic: the sRGB transfer curve (exact and by table), XYZ and CIE L*a*b* under D65, and
//! the CIEDE2000 colour difference. Linear values are relative to the display's white: 0 is black and
//! 1 the brightest that can be shown; more than 1 is light that the display cannot show.

use std::sync::LazyLock;

/// Rec. 709 / sRGB luminance weights of linear red, green and blue (IEC 61966-2-1).
pub const LUMINANCE_WEIGHTS: [f32; 3] = [0.212_639, 0.715_168_7, 0.072_192_3];

/// Linear sRGB to XYZ, D65 (IEC 61966-2-1), rows X, Y, Z.
const LINEAR_TO_XYZ: [[f64; 3]; 3] = [
    [0.412_456_4, 0.357_576_1, 0.180_437_5],
    [0.212_672_9, 0.715_152_2, 0.072_175_0],
    [0.019_333_9, 0.119_192_0, 0.950_304_1],
];

/// The XYZ of linear (1, 1, 1).
const WHITE_XYZ: [f64; 3] = [0.950_47, 1.0, 1.088_83];

/// A CIE L*a*b* colour, D65 white: `lightness` 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lab {
    /// L*, 0 (black) to 100 (white).
    pub lightness: f64,
    /// a*, green (negative) to red.
    pub a: f64,
    /// b*, blue (negative) to yellow.
    pub b: f64,
}

/// Decodes an sRGB-encoded value, 0 to 1, to linear light.
#[must_use]
pub fn srgb_to_linear(encoded: f64) -> f64 {
    if encoded <= 0.040_45 {
        encoded / 12.92
    } else {
        ((encoded + 0.055) / 1.055).powf(2.4)
    }
}

/// Encodes linear light, 0 to 1, with the sRGB curve.
#[must_use]
pub fn linear_to_srgb(linear: f64) -> f64 {
    if linear <= 0.003_130_8 {
        linear * 12.92
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

/// Decodes an sRGB-encoded value, 0 to 1, to linear light, within half a step of 16 bits (a weighted
/// minimax polynomial). Free of branches and tables, so that loops over it become vector instructions.
#[inline(always)]
#[must_use]
pub(crate) fn quick_srgb_to_linear(encoded: f32) -> f32 {
    let x = encoded;
    let low = x * (1.0 / 12.92);
    let mut curve = 0.103_976_235 * x - 0.421_023_16;
    for coefficient in [
        0.738_214_4,
        -0.794_397_3,
        0.851_157_7,
        0.485_899_24,
        0.035_330_14,
        0.000_852_728_44,
    ] {
        curve = curve * x + coefficient;
    }
    if x <= 0.040_45 { low } else { curve }
}

/// Encodes linear light with the sRGB curve, 0 to 1, within a fifth of a step of 16 bits (a minimax
/// polynomial of the fourth root). Light that cannot be shown is clipped; what is no number is black.
#[inline(always)]
#[must_use]
pub(crate) fn quick_linear_to_srgb(linear: f32) -> f32 {
    let positive = if linear > 0.0 { linear } else { 0.0 };
    let bounded = if positive < 1.0 { positive } else { 1.0 };
    let root = bounded.sqrt().sqrt();
    let mut curve = 0.068_219_74 * root - 0.318_462_34;
    for coefficient in [
        0.657_262,
        -0.853_017_87,
        1.365_947_7,
        0.139_598_1,
        -0.059_546_07,
    ] {
        curve = curve * root + coefficient;
    }
    if bounded <= 0.003_130_8 {
        bounded * 12.92
    } else {
        curve
    }
}

/// The whole number nearest to a value of 0 to 65535; what lies outside is clipped. In this form a loop
/// over it becomes vector instructions, which a saturating cast does not.
#[inline(always)]
#[must_use]
pub(crate) fn rounded_to_sixteen(value: f32) -> u16 {
    // Added to 2^23, the lowest bits of the mantissa count ones.
    const WHOLE: f32 = 8_388_608.0;
    let positive = if value > 0.0 { value } else { 0.0 };
    let bounded = if positive < 65_535.0 {
        positive
    } else {
        65_535.0
    };
    (bounded + WHOLE).to_bits() as u16
}

/// Luminance (relative, linear) of a linear colour.
#[must_use]
#[inline]
pub fn luminance([red, green, blue]: [f32; 3]) -> f32 {
    LUMINANCE_WEIGHTS[0] * red + LUMINANCE_WEIGHTS[1] * green + LUMINANCE_WEIGHTS[2] * blue
}

/// XYZ (D65, Y of white is 1) of a linear sRGB colour.
#[must_use]
pub fn linear_to_xyz(linear: [f64; 3]) -> [f64; 3] {
    LINEAR_TO_XYZ.map(|row| row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2])
}

/// L*a*b* of an XYZ colour (CIE 15:2004, D65 white).
#[must_use]
pub fn xyz_to_lab(xyz: [f64; 3]) -> Lab {
    const EDGE: f64 = 6.0 / 29.0;
    let root = |t: f64| {
        if t > EDGE * EDGE * EDGE {
            t.cbrt()
        } else {
            t / (3.0 * EDGE * EDGE) + 4.0 / 29.0
        }
    };
    let [x, y, z] = [
        root(xyz[0] / WHITE_XYZ[0]),
        root(xyz[1] / WHITE_XYZ[1]),
        root(xyz[2] / WHITE_XYZ[2]),
    ];
    Lab {
        lightness: 116.0 * y - 16.0,
        a: 500.0 * (x - y),
        b: 200.0 * (y - z),
    }
}

/// L*a*b* of an 8-bit sRGB colour.
#[must_use]
pub fn srgb8_to_lab(rgb: [u8; 3]) -> Lab {
    xyz_to_lab(linear_to_xyz(rgb.map(|sample| {
        f64::from(
            TABLES
                .eight
                .get(usize::from(sample))
                .copied()
                .unwrap_or(1.0),
        )
    })))
}

/// The CIEDE2000 difference of two colours with `k_L = k_C = k_H = 1` (CIE 142-2001, in the form of
/// Sharma, Wu and Dalal 2005, "The CIEDE2000 color-difference formula: implementation notes").
#[must_use]
pub fn delta_e_2000(first: Lab, second: Lab) -> f64 {
    const TWENTY_FIVE_TO_7: f64 = 6_103_515_625.0;
    let chroma_first = first.a.hypot(first.b);
    let chroma_second = second.a.hypot(second.b);
    let mean_to_7 = (0.5 * (chroma_first + chroma_second)).powi(7);
    let stretch = 1.0 + 0.5 * (1.0 - (mean_to_7 / (mean_to_7 + TWENTY_FIVE_TO_7)).sqrt());
    let (a_first, a_second) = (first.a * stretch, second.a * stretch);
    let (chroma_first, chroma_second) = (a_first.hypot(first.b), a_second.hypot(second.b));
    let hue = |a: f64, b: f64| {
        if a == 0.0 && b == 0.0 {
            0.0
        } else {
            b.atan2(a).to_degrees().rem_euclid(360.0)
        }
    };
    let (hue_first, hue_second) = (hue(a_first, first.b), hue(a_second, second.b));
    let grey = chroma_first * chroma_second == 0.0;

    let hue_step = if grey {
        0.0
    } else {
        let step = hue_second - hue_first;
        if step > 180.0 {
            step - 360.0
        } else if step < -180.0 {
            step + 360.0
        } else {
            step
        }
    };
    let lightness_difference = second.lightness - first.lightness;
    let chroma_difference = chroma_second - chroma_first;
    let hue_difference =
        2.0 * (chroma_first * chroma_second).sqrt() * (0.5 * hue_step).to_radians().sin();

    let lightness_mean = 0.5 * (first.lightness + second.lightness);
    let chroma_mean = 0.5 * (chroma_first + chroma_second);
    let hue_sum = hue_first + hue_second;
    let hue_mean = if grey {
        hue_sum
    } else if (hue_first - hue_second).abs() <= 180.0 {
        0.5 * hue_sum
    } else if hue_sum < 360.0 {
        0.5 * (hue_sum + 360.0)
    } else {
        0.5 * (hue_sum - 360.0)
    };
    let cosine = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cosine(hue_mean - 30.0)
        + 0.24 * cosine(2.0 * hue_mean)
        + 0.32 * cosine(3.0 * hue_mean + 6.0)
        - 0.20 * cosine(4.0 * hue_mean - 63.0);
    let rotation = 30.0 * (-((hue_mean - 275.0) / 25.0).powi(2)).exp();
    let chroma_to_7 = chroma_mean.powi(7);
    let chroma_rotation = 2.0 * (chroma_to_7 / (chroma_to_7 + TWENTY_FIVE_TO_7)).sqrt();
    let from_middle = (lightness_mean - 50.0).powi(2);
    let lightness_scale = 1.0 + 0.015 * from_middle / (20.0 + from_middle).sqrt();
    let chroma_scale = 1.0 + 0.045 * chroma_mean;
    let hue_scale = 1.0 + 0.015 * chroma_mean * t;
    let rotation_term = -(2.0 * rotation).to_radians().sin() * chroma_rotation;

    let lightness_part = lightness_difference / lightness_scale;
    let chroma_part = chroma_difference / chroma_scale;
    let hue_part = hue_difference / hue_scale;
    (lightness_part.powi(2)
        + chroma_part.powi(2)
        + hue_part.powi(2)
        + rotation_term * chroma_part * hue_part)
        .max(0.0)
        .sqrt()
}

/// Tables of the sRGB curve for per-pixel work: 8 and 16 bit samples to linear light and back.
#[derive(Debug)]
pub struct TransferTables {
    eight: Vec<f32>,
    sixteen: Vec<f32>,
    /// The curve sampled at the floats whose lower mantissa bits are zero, from `ENCODE_LOWEST` to 1.
    encode: Vec<f32>,
}

/// Linear values below this (2^-14) are on the straight part of the curve.
const ENCODE_LOWEST: f32 = 6.103_515_6e-5;
/// Bits of the mantissa left out between two entries: 512 entries an octave.
const ENCODE_SHIFT: u32 = 14;
const ENCODE_MASK: u32 = (1 << ENCODE_SHIFT) - 1;

static TABLES: LazyLock<TransferTables> = LazyLock::new(TransferTables::build);

impl TransferTables {
    /// The process-wide tables.
    #[must_use]
    pub fn shared() -> &'static Self {
        &TABLES
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the tables hold the curve in single precision"
    )]
    fn build() -> Self {
        let decode = |levels: u32| {
            (0..=levels)
                .map(|level| srgb_to_linear(f64::from(level) / f64::from(levels)) as f32)
                .collect()
        };
        let first = ENCODE_LOWEST.to_bits();
        let entries = ((1.0_f32.to_bits() - first) >> ENCODE_SHIFT) + 2;
        let encode = (0..entries)
            .map(|entry| {
                let linear = f32::from_bits(first + (entry << ENCODE_SHIFT));
                (linear_to_srgb(f64::from(linear)) * 65_535.0) as f32
            })
            .collect();
        Self {
            eight: decode(255),
            sixteen: decode(65_535),
            encode,
        }
    }

    /// Linear light of an 8-bit sample, 0 to 1.
    #[must_use]
    #[inline]
    pub fn decode_eight(&self, sample: u8) -> f32 {
        self.eight.get(usize::from(sample)).copied().unwrap_or(1.0)
    }

    /// Linear light of a 16-bit sample, 0 to 1.
    #[must_use]
    #[inline]
    pub fn decode_sixteen(&self, sample: u16) -> f32 {
        self.sixteen
            .get(usize::from(sample))
            .copied()
            .unwrap_or(1.0)
    }

    /// The 16-bit sample of linear light; what lies outside 0 to 1 is clipped, and what is no number
    /// is black.
    #[must_use]
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the value lies in 0 to 65535 after the clamp, and the fraction below 2^24"
    )]
    pub fn encode_sixteen(&self, linear: f32) -> u16 {
        if linear >= 1.0 {
            return u16::MAX;
        }
        if linear > ENCODE_LOWEST {
            let position = linear.to_bits() - ENCODE_LOWEST.to_bits();
            let entry = (position >> ENCODE_SHIFT) as usize;
            let fraction = (position & ENCODE_MASK) as f32 * (1.0 / (1_u32 << ENCODE_SHIFT) as f32);
            if let Some(&[low, high]) = self.encode.get(entry..entry + 2) {
                return (low + (high - low) * fraction + 0.5) as u16;
            }
            return u16::MAX;
        }
        (linear.max(0.0) * (12.92 * 65_535.0) + 0.5) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs and differences from the supplementary data of Sharma, Wu and Dalal (2005), table 1.
    const SHARMA: [([f64; 3], [f64; 3], f64); 20] = [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, 3.1571, -77.2803], [50.0, 0.0, -82.7485], 2.8615),
        ([50.0, 2.8361, -74.0200], [50.0, 0.0, -82.7485], 3.4412),
        ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0000),
        ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0009], 7.1792),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0011], 7.2195),
        ([50.0, -0.001, 2.49], [50.0, 0.0009, -2.49], 4.8045),
        ([50.0, 2.5, 0.0], [50.0, 0.0, -2.5], 4.3065),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        ([50.0, 2.5, 0.0], [61.0, -5.0, 29.0], 22.8977),
        ([50.0, 2.5, 0.0], [56.0, -27.0, -3.0], 31.9030),
        ([50.0, 2.5, 0.0], [58.0, 24.0, 15.0], 19.4535),
        ([50.0, 2.5, 0.0], [50.0, 3.1736, 0.5854], 1.0000),
        (
            [60.2574, -34.0099, 36.2677],
            [60.4626, -34.1751, 39.4387],
            1.2644,
        ),
        (
            [63.0109, -31.0961, -5.8663],
            [62.8187, -29.7946, -4.0864],
            1.2630,
        ),
        (
            [35.0831, -44.1164, 3.7933],
            [35.0232, -40.0716, 1.5901],
            1.8645,
        ),
        (
            [90.8027, -2.0831, 1.4410],
            [91.1528, -1.6435, 0.0447],
            1.4441,
        ),
        (
            [6.7747, -0.2908, -2.4247],
            [5.8714, -0.0985, -2.2286],
            0.6377,
        ),
        (
            [2.0776, 0.0795, -1.1350],
            [0.9033, -0.0636, -0.5514],
            0.9082,
        ),
    ];

    fn lab([lightness, a, b]: [f64; 3]) -> Lab {
        Lab { lightness, a, b }
    }

    #[test]
    fn the_published_colour_pairs_have_their_published_differences() {
        for (first, second, expected) in SHARMA {
            let forth = delta_e_2000(lab(first), lab(second));
            let back = delta_e_2000(lab(second), lab(first));
            assert!((forth - expected).abs() < 5e-5, "{first:?}: {forth}");
            assert!((back - expected).abs() < 5e-5, "{first:?}: {back}");
        }
    }

    #[test]
    fn known_colours_have_their_known_lab_values() {
        let white = srgb8_to_lab([255, 255, 255]);
        assert!((white.lightness - 100.0).abs() < 1e-3);
        assert!(white.a.abs() < 1e-2 && white.b.abs() < 1e-2);
        let red = srgb8_to_lab([255, 0, 0]);
        assert!((red.lightness - 53.24).abs() < 0.02, "{red:?}");
        assert!((red.a - 80.09).abs() < 0.05 && (red.b - 67.20).abs() < 0.05);
        assert!(srgb8_to_lab([0, 0, 0]).lightness.abs() < 1e-9);
    }

    #[test]
    fn every_sample_survives_the_way_to_linear_light_and_back() {
        let tables = TransferTables::shared();
        for sample in 0..=u16::MAX {
            let back = tables.encode_sixteen(tables.decode_sixteen(sample));
            assert!(back.abs_diff(sample) <= 1, "{sample} came back as {back}");
        }
        for sample in 0..=u8::MAX {
            let back = tables.encode_sixteen(tables.decode_eight(sample));
            assert!(back.abs_diff(u16::from(sample) * 257) <= 1, "{sample}");
        }
    }

    #[test]
    fn the_quick_curves_are_near_the_exact_ones() {
        for sample in 0..=u16::MAX {
            let encoded = f32::from(sample) / 65_535.0;
            let linear = quick_srgb_to_linear(encoded);
            let exact = linear_to_srgb(f64::from(linear)) * 65_535.0;
            assert!((exact - f64::from(sample)).abs() < 0.6, "{sample}: {exact}");
            let back = quick_linear_to_srgb(srgb_to_linear(f64::from(encoded)) as f32) * 65_535.0;
            assert!((back - f32::from(sample)).abs() < 0.3, "{sample}: {back}");
            assert_eq!(rounded_to_sixteen(f32::from(sample) + 0.4), sample);
        }
        assert_eq!(quick_linear_to_srgb(f32::NAN), 0.0);
        assert_eq!(rounded_to_sixteen(f32::NAN), 0);
        assert_eq!(rounded_to_sixteen(-3.0), 0);
        assert_eq!(rounded_to_sixteen(1e9), u16::MAX);
        assert_eq!(
            rounded_to_sixteen(quick_linear_to_srgb(1.0) * 65_535.0),
            u16::MAX
        );
    }

    #[test]
    fn light_that_cannot_be_shown_is_clipped() {
        let tables = TransferTables::shared();
        assert_eq!(tables.encode_sixteen(1.7), u16::MAX);
        assert_eq!(tables.encode_sixteen(f32::INFINITY), u16::MAX);
        assert_eq!(tables.encode_sixteen(-0.2), 0);
        assert_eq!(tables.encode_sixteen(f32::NAN), 0);
    }
}
