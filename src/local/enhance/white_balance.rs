//! White balance: the light's colour, estimated from the photo or given in kelvin, and the gains of red,
//! green and blue that make it neutral.

use super::evidence::{self, Allowance};
use super::mixed_light::LightField;
use super::proxy::Proxy;
use super::regions::Regions;
use crate::domain::enhancement::{StepReport, StepSetting};
use crate::imaging::color::{LUMINANCE_WEIGHTS, linear_to_xyz, luminance};

/// `ln(red / green)` and `ln(blue / green)` of the surfaces that [`bright_surfaces`] looks at, in a well
/// balanced room: wood, cream walls and reflected lamp light keep them a little warm.
const ROOM_TINT: [f64; 2] = [0.038, -0.095];
/// The same outdoors.
const EXTERIOR_TINT: [f64; 2] = [0.0, -0.04];
/// How far a well balanced picture strays from that, in red and in blue: as much is left as it is.
const SPREAD: [f64; 2] = [0.06, 0.10];
/// The strongest correction, as a natural logarithm of the gain against green.
const LARGEST: f64 = 0.75;

/// The gains of a white balance.
#[derive(Debug)]
pub(super) struct WhiteBalance {
    /// Gains of linear red, green and blue; a grey keeps its luminance.
    pub(super) gains: [f32; 3],
    /// How likely it is that the cast is a fault, 0 to 1.
    fault: f64,
    /// How the light's colour runs over the picture, where there are two lights; taken out before the gains.
    pub(super) field: Option<LightField>,
    reason: Option<&'static str>,
}

impl WhiteBalance {
    pub(super) fn estimate(
        setting: StepSetting,
        proxy: &Proxy,
        regions: &Regions,
        untouched: f64,
        cast_counts: f64,
        allowance: &mut Allowance,
    ) -> Self {
        match setting {
            StepSetting::Off => Self {
                gains: [1.0; 3],
                fault: 0.0,
                field: None,
                reason: Some("switched off"),
            },
            StepSetting::Fixed(kelvin) => Self::from_temperature(kelvin),
            StepSetting::Auto => {
                Self::from_scene(proxy, regions, untouched, cast_counts, allowance)
            }
        }
    }

    /// No balance, and why.
    pub(super) const fn left_alone(reason: &'static str) -> Self {
        Self {
            gains: [1.0; 3],
            fault: 0.0,
            field: None,
            reason: Some(reason),
        }
    }

    /// The gains that make a black body of this temperature as white as one of 6504 K.
    fn from_temperature(kelvin: f64) -> Self {
        let scene = planckian(kelvin);
        let white = planckian(6504.0);
        let ratio = |channel: usize| (white[channel] / scene[channel].max(1e-3)).ln();
        Self {
            gains: gains(ratio(0) - ratio(1), ratio(2) - ratio(1)),
            fault: 1.0,
            field: None,
            reason: None,
        }
    }

    fn from_scene(
        proxy: &Proxy,
        regions: &Regions,
        untouched: f64,
        cast_counts: f64,
        allowance: &mut Allowance,
    ) -> Self {
        let exterior = regions.sky_share > 0.0;
        let candidates: Vec<[f32; 3]> = proxy
            .pixels
            .iter()
            .zip(&regions.unusable)
            .zip(&regions.sky.values)
            .filter(|((pixel, unusable), sky)| {
                let plant = exterior && pixel[1] > 1.1 * pixel[0].max(pixel[2]);
                !**unusable && **sky < 0.1 && !plant
            })
            .map(|((pixel, _), _)| *pixel)
            .collect();
        let Some(surfaces) = bright_surfaces(candidates.clone(), proxy.pixels.len() / 20) else {
            return Self {
                gains: [1.0; 3],
                fault: 0.0,
                field: None,
                reason: Some("too little of the picture is neither blown nor black"),
            };
        };
        // A picture that an editor has seen was balanced by someone: more of what it shows is meant.
        let spread = SPREAD.map(|spread| spread * (1.6 - 0.6 * untouched));
        let tint = if exterior { EXTERIOR_TINT } else { ROOM_TINT };
        // Anything between grey and the usual warmth is right: only what lies beyond is a cast.
        let scaled = |vector: [f64; 2]| [vector[0] / spread[0], vector[1] / spread[1]];
        let dot = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
        let beyond = |colour: [f64; 2]| {
            let (direction, seen) = (scaled(tint), scaled(colour));
            let along = (dot(direction, seen) / dot(direction, direction)).clamp(0.0, 1.0);
            [colour[0] - along * tint[0], colour[1] - along * tint[1]]
        };
        let distance = |colour: [f64; 2]| {
            let beyond = scaled(beyond(colour));
            dot(beyond, beyond).sqrt()
        };
        let cast = beyond(surfaces);
        let size = distance(surfaces).powi(2);
        let trust = size * size / (size * size + 1.0);
        let cast = cast.map(|value| (value * trust).clamp(-LARGEST, LARGEST));
        let fault = untouched
            * cast_counts
            * evidence::cast_fault(&by_luminance(candidates), cast, distance);
        let part = |share: f64| gains(-cast[0] * share, -cast[1] * share);
        let share = allowance.balance(proxy, fault, part);
        Self {
            gains: part(share),
            fault,
            field: None,
            reason: None,
        }
    }

    pub(super) fn report(&self) -> StepReport {
        if let Some(reason) = self.reason {
            return StepReport::not_applied("white_balance", reason);
        }
        let light = self.gains.map(|gain| 1.0 / f64::from(gain));
        let [x, y, z] = linear_to_xyz(light);
        let sum = (x + y + z).max(1e-6);
        let mut report = StepReport::applied(
            "white_balance",
            [
                ("fault_evidence", self.fault),
                ("scene_temperature_kelvin", temperature(x / sum, y / sum)),
                ("red_gain_ratio", f64::from(self.gains[0])),
                ("green_gain_ratio", f64::from(self.gains[1])),
                ("blue_gain_ratio", f64::from(self.gains[2])),
            ],
        );
        if let Some(field) = &self.field {
            report
                .parameters
                .insert("mixed_light_strength".to_owned(), field.evidence);
            report
                .parameters
                .insert("mixed_light_spread".to_owned(), field.spread);
        }
        report
    }
}

/// The colour, as `ln(red / green)` and `ln(blue / green)`, of what should be nearly white: halfway between
/// the usual colour of the brightest surfaces, and the least warm of the bright half (ceilings and frames
/// in daylight, where the walls are cream and the floor is wood). `None` for fewer pixels than asked for.
fn bright_surfaces(mut pixels: Vec<[f32; 3]>, at_least: usize) -> Option<[f64; 2]> {
    if pixels.len() < at_least.max(16) {
        return None;
    }
    let half = pixels.len() / 2;
    let by_luminance = |a: &[f32; 3], b: &[f32; 3]| luminance(*b).total_cmp(&luminance(*a));
    pixels.select_nth_unstable_by(half, by_luminance);
    pixels.truncate(half);
    let brightest = half * 3 / 10;
    pixels.select_nth_unstable_by(brightest, by_luminance);
    let colours = |channel: usize, pixels: &[[f32; 3]]| -> Vec<f32> {
        pixels
            .iter()
            .map(|pixel| (pixel[channel] / pixel[1].max(1e-6)).ln())
            .collect()
    };
    let at = |mut values: Vec<f32>, share: f64| {
        let rank = (share * values.len() as f64) as usize;
        let rank = rank.min(values.len().saturating_sub(1));
        f64::from(*values.select_nth_unstable_by(rank, f32::total_cmp).1)
    };
    let (top, _) = pixels.split_at(brightest.max(1));
    Some([
        0.6 * at(colours(0, &pixels), 0.15) + 0.4 * at(colours(0, top), 0.5),
        0.6 * at(colours(2, &pixels), 0.85) + 0.4 * at(colours(2, top), 0.5),
    ])
}

/// `ln(red / green)` and `ln(blue / green)` of the pixels, darkest first.
fn by_luminance(mut pixels: Vec<[f32; 3]>) -> Vec<[f64; 2]> {
    pixels.sort_unstable_by(|a, b| luminance(*a).total_cmp(&luminance(*b)));
    pixels
        .iter()
        .map(|&[red, green, blue]| {
            let green = green.max(1e-6);
            [red / green, blue / green].map(|ratio| f64::from(ratio.max(1e-6).ln()))
        })
        .collect()
}

/// Gains with these natural logarithms against green, scaled so that grey keeps its luminance.
#[expect(
    clippy::cast_possible_truncation,
    reason = "gains near 1 in single precision"
)]
fn gains(red: f64, blue: f64) -> [f32; 3] {
    let gains = [red.exp(), 1.0, blue.exp()];
    let luminance: f64 = gains
        .iter()
        .zip(LUMINANCE_WEIGHTS)
        .map(|(gain, weight)| gain * f64::from(weight))
        .sum();
    gains.map(|gain| (gain / luminance) as f32)
}

/// Linear sRGB of a black body (Kim et al. 2002, cubic approximation of the Planckian locus, 1667 K to
/// 25000 K), luminance 1.
fn planckian(kelvin: f64) -> [f64; 3] {
    let t = 1000.0 / kelvin.clamp(1667.0, 25_000.0);
    let x = if kelvin < 4000.0 {
        ((-0.266_123_9 * t - 0.234_358_9) * t + 0.877_695_6) * t + 0.179_910
    } else {
        ((-3.025_846_9 * t + 2.107_037_9) * t + 0.222_634_7) * t + 0.240_390
    };
    let y = if kelvin < 2222.0 {
        ((-1.106_381_4 * x - 1.348_110_2) * x + 2.185_558_32) * x - 0.202_196_83
    } else if kelvin < 4000.0 {
        ((-0.954_947_6 * x - 1.374_185_93) * x + 2.091_370_15) * x - 0.167_488_67
    } else {
        ((3.081_758 * x - 5.873_386_7) * x + 3.751_129_97) * x - 0.370_014_83
    };
    xyz_to_linear([x / y, 1.0, (1.0 - x - y) / y])
}

/// XYZ (D65) to linear sRGB, the inverse of the matrix in IEC 61966-2-1.
fn xyz_to_linear([x, y, z]: [f64; 3]) -> [f64; 3] {
    [
        3.240_454_2 * x - 1.537_138_5 * y - 0.498_531_4 * z,
        -0.969_266 * x + 1.876_010_8 * y + 0.041_556 * z,
        0.055_643_4 * x - 0.204_025_9 * y + 1.057_225_2 * z,
    ]
}

/// Correlated colour temperature of a chromaticity (McCamy 1992), in kelvin.
fn temperature(x: f64, y: f64) -> f64 {
    let n = (x - 0.332) / (0.185_8 - y);
    (((449.0 * n + 3525.0) * n + 6823.3) * n + 5520.33).clamp(1000.0, 40_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_light_is_cooled_and_cool_light_is_warmed() {
        let warm = WhiteBalance::from_temperature(3000.0).gains;
        assert!(warm[2] > 1.5 * warm[1] && warm[0] < warm[1], "{warm:?}");
        let cool = WhiteBalance::from_temperature(9000.0).gains;
        assert!(cool[2] < cool[1] && cool[0] > cool[1], "{cool:?}");
        let neutral = WhiteBalance::from_temperature(6504.0).gains;
        assert!(neutral.iter().all(|gain| (gain - 1.0).abs() < 1e-6));
    }

    #[test]
    fn the_reported_temperature_is_the_one_that_was_asked_for() {
        for kelvin in [2500.0, 3200.0, 4500.0, 5500.0, 7500.0] {
            let light = planckian(kelvin);
            let [x, y, z] = linear_to_xyz(light);
            let back = temperature(x / (x + y + z), y / (x + y + z));
            assert!((back - kelvin).abs() < 0.03 * kelvin, "{kelvin}: {back}");
        }
    }
}
