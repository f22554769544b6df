//! The darkening towards the corners that a lens leaves, taken out round the centre of the picture. It is
//! measured on plain surfaces, and left alone where it cannot be told from the light of the room.

use super::guided::Plane;
use super::proxy::Proxy;
use super::regions::Regions;
use super::tone::DARKEST;
use crate::imaging::color::luminance;

use crate::domain::enhancement::{StepReport, StepSetting};

/// How fast the light falls off: a corrected wide-angle lens keeps about half of the natural `cos⁴` law.
const SPREAD: f64 = 0.35;
const POWER: f64 = 0.55;
/// Taken for a photo that does not say its focal length, in millimetres on 24 x 36 mm film: the usual
/// wide angle of a listing photo.
const ASSUMED_FOCAL_LENGTH: f64 = 24.0;
/// The diagonal of 24 x 36 mm film, in millimetres.
const FILM_DIAGONAL: f64 = 43.266_615;
/// Directions from the centre in which the falloff is measured.
const DIRECTIONS: usize = 8;
/// The part of the picture, at least, that must tell something in one direction.
const LEAST_SHARE: f32 = 0.004;
/// Pixels of the proxy on either side over which brightness is compared.
const REACH: usize = 5;
/// Steps in log2 luminance over that distance that are edges, and variances that are texture.
const EDGE_EV: f32 = 0.12;
const TEXTURE: f32 = 0.02;
/// Distance from the centre, in diagonals, from which the falloff can be told.
const INNERMOST: f64 = 0.15;
/// Measured strengths that a lens can have; what lies outside is the light of the room.
const LENSES: std::ops::RangeInclusive<f64> = 0.2..=1.8;
/// The standard error over the strength up to which the measurement counts.
const LARGEST_ERROR: f64 = 0.25;

/// The gain that takes vignetting out: `(1 + SPREAD r²)^(POWER strength)`, r in focal lengths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vignetting {
    /// 0 (none) to 1.
    strength: f64,
    /// The focal length over the picture's diagonal.
    focal_per_diagonal: f64,
    measured: Option<Measured>,
    reason: &'static str,
}

/// The falloff as it was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measured {
    strength: f64,
    standard_error: f64,
}

impl Vignetting {
    pub(super) fn estimate(
        setting: StepSetting,
        focal_length_35mm: Option<f64>,
        proxy: &Proxy,
        regions: &Regions,
    ) -> Self {
        let focal_length = focal_length_35mm
            .filter(|length| length.is_finite() && *length >= 8.0)
            .unwrap_or(ASSUMED_FOCAL_LENGTH);
        let none = Self {
            strength: 0.0,
            focal_per_diagonal: focal_length / FILM_DIAGONAL,
            measured: None,
            reason: "switched off",
        };
        match setting {
            StepSetting::Off => none,
            StepSetting::Fixed(strength) => Self { strength, ..none },
            StepSetting::Auto => {
                let measured = none.measure(proxy, regions);
                let certain = measured.is_some_and(|measured| {
                    LENSES.contains(&measured.strength)
                        && measured.standard_error <= LARGEST_ERROR * measured.strength
                });
                Self {
                    strength: measured.map_or(0.0, |measured| {
                        if certain {
                            measured.strength.min(1.0)
                        } else {
                            0.0
                        }
                    }),
                    measured,
                    reason: "the falloff cannot be told from the room's own light",
                    ..none
                }
            }
        }
    }

    /// The strength of the falloff on surfaces without edge or texture: the median slope of log2 luminance
    /// away from the centre over that of the model, in every direction. The mean over two opposite
    /// directions is free of a slope across the picture, as one light gives it; a falloff towards all corners
    /// shows in every direction alike. `None` where a direction tells nothing or shows no falloff.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions within a proxy, and a direction's index"
    )]
    fn measure(&self, proxy: &Proxy, regions: &Regions) -> Option<Measured> {
        let (width, height) = (proxy.width, proxy.height);
        let guide = Plane::new(
            width,
            height,
            proxy
                .pixels
                .iter()
                .map(|&pixel| luminance(pixel).max(DARKEST).log2())
                .collect(),
        );
        let smooth = guide.box_mean(2);
        let texture = guide.variance(REACH);
        let diagonal = (width as f64).hypot(height as f64);
        let mut slopes: [Vec<(f32, f32)>; DIRECTIONS] = Default::default();
        for y in REACH..height.saturating_sub(REACH) {
            for x in REACH..width.saturating_sub(REACH) {
                let index = y * width + x;
                let plain = texture
                    .values
                    .get(index)
                    .is_some_and(|&value| value < TEXTURE)
                    && regions.unusable.get(index) == Some(&false)
                    && regions.sky.values.get(index).is_some_and(|&sky| sky < 0.1);
                let across = (x as f64 + 0.5 - 0.5 * width as f64) / diagonal;
                let down = (y as f64 + 0.5 - 0.5 * height as f64) / diagonal;
                let distance = across.hypot(down);
                if !plain || distance < INNERMOST {
                    continue;
                }
                let at = |index: usize| smooth.values.get(index).copied().unwrap_or(0.0);
                let right = at(index + REACH) - at(index - REACH);
                let below = at(index + REACH * width) - at(index - REACH * width);
                if right.hypot(below) > EDGE_EV {
                    continue;
                }
                let outwards = (f64::from(right) * across + f64::from(below) * down) / distance;
                let step = 2.0 * REACH as f64 / diagonal;
                let squared = |distance: f64| distance * distance;
                let usual = self.usual_falloff(squared(distance + 0.5 * step))
                    - self.usual_falloff(squared(distance - 0.5 * step));
                let turn = (down.atan2(across) / std::f64::consts::TAU + 1.0).fract();
                let direction = ((turn * DIRECTIONS as f64) as usize).min(DIRECTIONS - 1);
                if let Some(slopes) = slopes.get_mut(direction) {
                    slopes.push(((-outwards / usual) as f32, usual as f32));
                }
            }
        }
        let least = (LEAST_SHARE * guide.values.len() as f32) as usize;
        let mut strengths = [0.0; DIRECTIONS];
        for (slopes, strength) in slopes.iter_mut().zip(&mut strengths) {
            if slopes.len() < least.max(16) {
                return None;
            }
            *strength = weighted_median(slopes);
            if *strength <= 0.0 {
                return None;
            }
        }
        let (first, second) = strengths.split_at(DIRECTIONS / 2);
        let mut pairs: Vec<f64> = first
            .iter()
            .zip(second)
            .map(|(a, b)| 0.5 * (a + b))
            .collect();
        pairs.sort_unstable_by(f64::total_cmp);
        let count = pairs.len() as f64;
        let mean = pairs.iter().sum::<f64>() / count;
        let variance = pairs.iter().map(|pair| (pair - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Some(Measured {
            strength: mean,
            standard_error: (variance / count).sqrt(),
        })
    }

    /// The usual lens's falloff at a squared distance in diagonals, EV.
    fn usual_falloff(&self, squared_distance: f64) -> f64 {
        POWER * (1.0 + SPREAD * squared_distance / self.focal_per_diagonal.powi(2)).log2()
    }

    /// The gain at a squared distance from the picture's centre, in diagonals.
    pub(super) fn gain(&self, squared_distance: f64) -> f64 {
        let squared = squared_distance / self.focal_per_diagonal.powi(2);
        (1.0 + SPREAD * squared).powf(POWER * self.strength)
    }

    /// The gain as a table, for work on every pixel.
    pub(super) fn table(&self) -> GainTable {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "a gain near 1 in single precision"
        )]
        let gains = (0..=GainTable::STEPS + 1)
            .map(|step| self.gain(0.25 * step as f64 / GainTable::STEPS as f64) as f32)
            .collect();
        GainTable { gains }
    }

    pub(super) fn changes_nothing(&self) -> bool {
        self.strength == 0.0
    }

    pub(super) fn report(&self) -> StepReport {
        if self.strength == 0.0 {
            return StepReport::not_applied("vignetting", self.reason);
        }
        let mut report = StepReport::applied(
            "vignetting",
            [
                ("strength", self.strength),
                (
                    "focal_length_35mm_millimetres",
                    self.focal_per_diagonal * FILM_DIAGONAL,
                ),
                ("corner_gain_ev", self.gain(0.25).log2()),
            ],
        );
        if let Some(measured) = self.measured {
            report
                .parameters
                .insert("measured_strength".to_owned(), measured.strength);
            report
                .parameters
                .insert("standard_error".to_owned(), measured.standard_error);
        }
        report
    }
}

/// The median of values with weights.
fn weighted_median(values: &mut [(f32, f32)]) -> f64 {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = 0.5
        * values
            .iter()
            .map(|&(_, weight)| f64::from(weight))
            .sum::<f64>();
    let mut sum = 0.0;
    for &(value, weight) in values.iter() {
        sum += f64::from(weight);
        if sum >= half {
            return f64::from(value);
        }
    }
    0.0
}

/// The gain over the squared distance from the picture's centre, from 0 to the corners' 0.25 diagonals.
#[derive(Debug)]
pub(super) struct GainTable {
    gains: Vec<f32>,
}

impl GainTable {
    const STEPS: usize = 256;

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a position of at most a few hundred"
    )]
    pub(super) fn at(&self, squared_distance: f32) -> f32 {
        let position = squared_distance * (4 * Self::STEPS) as f32;
        let step = (position as usize).min(Self::STEPS);
        match self.gains.get(step..step + 2) {
            Some(&[low, high]) => low + (high - low) * (position - step as f32),
            _ => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{Picture, Samples};

    /// A wall, brighter to one side, through a lens with this falloff.
    fn wall(falloff: f64, light: impl Fn(f64, f64) -> f64) -> Proxy {
        let (width, height) = (320, 240);
        let lens = Vignetting {
            strength: 1.0,
            focal_per_diagonal: 24.0 / FILM_DIAGONAL,
            measured: None,
            reason: "",
        };
        let samples = (0..width * height)
            .flat_map(|index| {
                let x = ((index % width) as f64 + 0.5 - 160.0) / 400.0;
                let y = ((index / width) as f64 + 0.5 - 120.0) / 400.0;
                let ev = light(x, y) - falloff * lens.usual_falloff(x * x + y * y);
                [(ev.exp2() * 65_535.0) as u16; 3]
            })
            .collect();
        // The proxy is linear, so the wall is written as linear light and decoded by hand.
        let mut proxy = Proxy::of(&Picture {
            width,
            height,
            samples: Samples::Sixteen(Vec::clone(&samples)),
        });
        for (pixel, sample) in proxy.pixels.iter_mut().zip(samples.chunks(3)) {
            *pixel = [f32::from(sample[0]) / 65_535.0; 3];
        }
        proxy
    }

    fn estimate(proxy: &Proxy) -> Vignetting {
        Vignetting::estimate(StepSetting::Auto, Some(24.0), proxy, &Regions::of(proxy))
    }

    #[test]
    fn the_falloff_of_a_lens_is_measured_on_a_wall_with_light_from_one_side() {
        for falloff in [0.5, 0.7, 1.0] {
            let found = estimate(&wall(falloff, |x, _| 0.15 * x - 2.0));
            assert!(
                (found.strength - falloff).abs() < 0.05,
                "{falloff}: {found:?}"
            );
            assert!(found.report().parameters.contains_key("standard_error"));
        }
    }

    #[test]
    fn the_light_of_a_lamp_is_no_falloff_of_a_lens() {
        let even = estimate(&wall(0.0, |x, _| 0.15 * x - 2.0));
        assert_eq!(even.strength, 0.0, "{even:?}");
        let lamp = |x: f64, y: f64| -2.0 - 3.0 * (x - 0.2).hypot(y + 0.1);
        let lit = estimate(&wall(0.0, lamp));
        assert_eq!(lit.strength, 0.0, "{lit:?}");
        assert!(!lit.report().applied);
    }
}
