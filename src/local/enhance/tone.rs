//! Light and colour: everything that is estimated on the proxy, and the one pass over the full picture
//! that applies vignetting, white balance, exposure and the local gains together.

use rayon::prelude::*;

use super::exposure::Exposure;
use super::guided::{LinearModel, Plane};
use super::proxy::Proxy;
use super::regions::Regions;
use super::vignetting::{GainTable, Vignetting};
use super::white_balance::WhiteBalance;
use super::windows;
use crate::domain::enhancement::{EnhancementSettings, StepReport, StepSetting};
use crate::imaging::color::{TransferTables, luminance};
use crate::imaging::{Picture, Samples};

/// Luminance below this is not told apart when local gains are chosen.
const DARKEST: f32 = 1.0 / 1024.0;
/// The mean luminance of a clear sky in a well exposed picture.
const SKY_LUMINANCE: f32 = 0.42;
/// Log2 luminance, after the exposure, below which shadows are opened, and by how much at most.
const SHADOWS_BELOW: f32 = -3.0;
const SHADOWS_LIFT_EV: f32 = 0.8;
/// How far above the room's level the view through a window begins and how much further it is certain, in
/// EV. In the lower part of a picture it is more likely the sun on the floor, which may stay white.
const WINDOW_ABOVE_EV: f32 = 1.8;
const WINDOW_RAMP_EV: f32 = 0.9;
/// A local gain below this is none, EV.
const LEAST_EV: f32 = 1e-3;
/// Where the highlights begin to be rolled off, in linear light.
const KNEE: f32 = 0.70;
/// Linear light that counts as blown when every channel has reached it, and how gently that begins.
const NEARLY_BLOWN: f32 = 0.75;
const BLOWN_RAMP: f32 = 0.2;
/// The variance of log2 luminance below which a neighbourhood counts as flat.
const EDGE_VARIANCE: f32 = 0.04;

/// What is done to the light and colour of one photo.
#[derive(Debug)]
pub(super) struct Tone {
    vignetting: Vignetting,
    corners: GainTable,
    white_balance: WhiteBalance,
    exposure: Exposure,
    local: Option<Local>,
    highlights: StepReport,
    shadows: StepReport,
}

/// Local gains: log2 of the gain as a linear function of log2 luminance round every proxy pixel.
#[derive(Debug)]
struct Local {
    model: LinearModel,
    lowest: f32,
    highest: f32,
}

/// Estimates everything on a small copy of the photo. `finished`: somebody has worked on the picture
/// before, so that less of what looks wrong is taken for a defect.
pub(super) fn estimate(
    picture: &Picture,
    focal_length_35mm: Option<f64>,
    finished: bool,
    settings: &EnhancementSettings,
) -> Tone {
    let mut proxy = Proxy::of(picture);
    let vignetting = Vignetting::estimate(settings.vignetting, focal_length_35mm, finished);
    let regions = Regions::of(&proxy);
    lift_corners(&mut proxy, &vignetting);
    let white_balance = WhiteBalance::estimate(settings.white_balance, &proxy, &regions, finished);
    for pixel in &mut proxy.pixels {
        for (value, gain) in pixel.iter_mut().zip(white_balance.gains) {
            *value *= gain;
        }
    }
    let exposure = Exposure::estimate(settings.exposure, &proxy, &regions, finished);
    let strength = |setting: StepSetting, auto: f64| match setting {
        StepSetting::Off => 0.0,
        StepSetting::Fixed(strength) => strength,
        StepSetting::Auto => auto,
    };
    let highlights = strength(settings.highlights, 1.0);
    let shadows = strength(
        settings.shadows,
        if finished {
            0.0
        } else {
            shadow_strength(&proxy, &exposure)
        },
    );
    let local = Local::choose(&proxy, &regions, &exposure, highlights, shadows);
    let report = |name: &str, setting: StepSetting, strength: f64| {
        if setting == StepSetting::Off {
            StepReport::not_applied(name, "switched off")
        } else if strength == 0.0 {
            StepReport::not_applied(name, "not needed")
        } else {
            StepReport::applied(name, [("strength", strength)])
        }
    };
    Tone {
        highlights: report("highlights", settings.highlights, highlights),
        shadows: report("shadows", settings.shadows, shadows),
        corners: vignetting.table(),
        vignetting,
        white_balance,
        exposure,
        local,
    }
}

/// How far shadows are opened: not at all while no more than a quarter of the picture stays dark after the
/// exposure, as black furniture and dark floors do.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a share of the proxy, and a gain in single precision"
)]
fn shadow_strength(proxy: &Proxy, exposure: &Exposure) -> f64 {
    let dark = (SHADOWS_BELOW - 1.0 - exposure.gain_ev as f32).exp2();
    let count = proxy
        .pixels
        .iter()
        .filter(|&&pixel| luminance(pixel) < dark)
        .count();
    let share = count as f64 / proxy.pixels.len().max(1) as f64;
    let strength = ((share - 0.25) / 0.35).clamp(0.0, 1.0) * 0.6;
    (strength * 100.0).round() / 100.0
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "positions within a picture"
)]
fn lift_corners(proxy: &mut Proxy, vignetting: &Vignetting) {
    let (width, height) = (proxy.width as f64, proxy.height as f64);
    let diagonal = width.hypot(height);
    for (y, row) in proxy.pixels.chunks_mut(proxy.width).enumerate() {
        let dy = (y as f64 + 0.5 - 0.5 * height) / diagonal;
        for (x, pixel) in row.iter_mut().enumerate() {
            let dx = (x as f64 + 0.5 - 0.5 * width) / diagonal;
            let gain = vignetting.gain(dx * dx + dy * dy) as f32;
            *pixel = pixel.map(|value| value * gain);
        }
    }
}

impl Local {
    #[expect(clippy::cast_possible_truncation, reason = "gains in single precision")]
    fn choose(
        proxy: &Proxy,
        regions: &Regions,
        exposure: &Exposure,
        highlights: f64,
        shadows: f64,
    ) -> Option<Self> {
        if highlights == 0.0 && shadows == 0.0 {
            return None;
        }
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
        let long = width.max(height);
        let base =
            LinearModel::fit(&guide, &guide, (long / 60).max(1), EDGE_VARIANCE).evaluate(&guide);
        let gain_ev = exposure.gain_ev as f32;
        let (highlights, shadows) = (highlights as f32, shadows as f32);
        let room = room_level(&guide, regions);
        let windows = if regions.sky_share > 0.0 {
            Plane::new(width, height, vec![0.0; width * height])
        } else {
            windows::weights(&guide, &base, room + WINDOW_ABOVE_EV)
        };
        // The sky takes part in the exposure only as far as it is too dark itself.
        let sky_ev = (SKY_LUMINANCE / regions.mean_over_sky(proxy).max(1e-3))
            .log2()
            .clamp(0.0, gain_ev.max(0.0));
        let field: Vec<f32> = base
            .values
            .iter()
            .zip(&regions.sky.values)
            .enumerate()
            .map(|(index, (&base, &sky))| {
                let dark = ((SHADOWS_BELOW - base - gain_ev) * 0.5).clamp(0.0, 1.0);
                let lift = shadows * SHADOWS_LIFT_EV * dark;
                let down = (index / width) as f32 / height as f32;
                let window = windows.values.get(index).map_or(0.0, |weight| {
                    weight
                        * smooth_step((base - room - WINDOW_ABOVE_EV) / WINDOW_RAMP_EV)
                        * (1.0 - 0.8 * smooth_step((down - 0.55) / 0.2))
                });
                let sky_change = highlights * sky * (sky_ev - gain_ev);
                let window_change = -highlights * window * gain_ev.max(0.0);
                lift + sky_change + window_change
            })
            .collect();
        let lowest = field.iter().copied().fold(0.0, f32::min);
        let highest = field.iter().copied().fold(0.0, f32::max);
        if highest - lowest < 1e-3 {
            return None;
        }
        let model = LinearModel::fit(
            &guide,
            &Plane::new(width, height, field),
            (long / 160).max(1),
            EDGE_VARIANCE,
        );
        Some(Self {
            model,
            lowest,
            highest,
        })
    }
}

/// The median of log2 luminance where it tells something about the room.
fn room_level(guide: &Plane, regions: &Regions) -> f32 {
    let mut levels: Vec<f32> = guide
        .values
        .iter()
        .zip(&regions.unusable)
        .filter(|(_, unusable)| !**unusable)
        .map(|(&level, _)| level)
        .collect();
    if levels.is_empty() {
        return 0.0;
    }
    let middle = levels.len() / 2;
    *levels.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// 0 up to 0 and 1 from 1 on, smooth between.
pub(super) fn smooth_step(position: f32) -> f32 {
    let position = position.clamp(0.0, 1.0);
    position * position * (3.0 - 2.0 * position)
}

impl Tone {
    /// One report for each step, in the order of application.
    pub(super) fn reports(&self) -> [StepReport; 5] {
        [
            self.vignetting.report(),
            self.white_balance.report(),
            self.exposure.report(),
            self.shadows.clone(),
            self.highlights.clone(),
        ]
    }

    /// Whether every step leaves the picture as it is.
    fn changes_nothing(&self) -> bool {
        self.local.is_none()
            && self.exposure.gain_ev == 0.0
            && self.white_balance.gains == [1.0; 3]
            && self.vignetting.changes_nothing()
    }

    /// Applies everything. The result has 16-bit samples, unless there is nothing to change.
    pub(super) fn apply(&self, picture: Picture) -> Picture {
        if self.changes_nothing() {
            return picture;
        }
        let (width, height) = (picture.width, picture.height);
        let tables = TransferTables::shared();
        let samples = match picture.samples {
            Samples::Eight(samples) => {
                let mut wide = vec![0_u16; samples.len()];
                wide.par_chunks_mut(width * 3)
                    .zip(samples.par_chunks(width * 3))
                    .enumerate()
                    .for_each(|(y, (target, source))| {
                        let pixels = source.chunks_exact(3).map(|pixel| match *pixel {
                            [red, green, blue] => {
                                [red, green, blue].map(|s| tables.decode_eight(s))
                            }
                            _ => [0.0; 3],
                        });
                        self.apply_row(y, width, height, pixels, target);
                    });
                wide
            }
            Samples::Sixteen(mut samples) => {
                samples.par_chunks_mut(width * 3).enumerate().for_each_init(
                    Vec::new,
                    |line: &mut Vec<[f32; 3]>, (y, target)| {
                        line.clear();
                        line.extend(target.chunks_exact(3).map(|pixel| match *pixel {
                            [red, green, blue] => {
                                [red, green, blue].map(|s| tables.decode_sixteen(s))
                            }
                            _ => [0.0; 3],
                        }));
                        self.apply_row(y, width, height, line.iter().copied(), target);
                    },
                );
                samples
            }
        };
        Picture {
            width,
            height,
            samples: Samples::Sixteen(samples),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "positions within a picture"
    )]
    fn apply_row(
        &self,
        y: usize,
        width: usize,
        height: usize,
        pixels: impl Iterator<Item = [f32; 3]>,
        target: &mut [u16],
    ) {
        let tables = TransferTables::shared();
        let diagonal = (width as f32).hypot(height as f32);
        let dy = (y as f32 + 0.5 - 0.5 * height as f32) / diagonal;
        let gain_ev = self.exposure.gain_ev.exp2() as f32;
        let gains = self.white_balance.gains;
        let row = dy * dy;
        let sampler = self
            .local
            .as_ref()
            .map(|local| LocalRow::new(local, y, width, height));
        for (x, (linear, target)) in pixels.zip(target.chunks_exact_mut(3)).enumerate() {
            let dx = (x as f32 + 0.5 - 0.5 * width as f32) / diagonal;
            let corner = self.corners.at(dx * dx + row);
            let least = linear[0].min(linear[1]).min(linear[2]);
            let gains = if least > NEARLY_BLOWN {
                // What is blown in every channel is white, whatever the light: the balance ends there.
                let grey = smooth_step((least - NEARLY_BLOWN) * (1.0 / BLOWN_RAMP));
                gains.map(|gain| (gain + (1.0 - gain) * grey) * corner)
            } else {
                gains.map(|gain| gain * corner)
            };
            let balanced = [
                linear[0] * gains[0],
                linear[1] * gains[1],
                linear[2] * gains[2],
            ];
            let gain = match &sampler {
                Some(sampler) => {
                    gain_ev * sampler.gain(x, || fast_log2(luminance(balanced).max(DARKEST)))
                }
                None => gain_ev,
            };
            for ((sample, value), own) in target.iter_mut().zip(balanced).zip(gains) {
                *sample = tables.encode_sixteen(roll_off(value * gain, own * gain));
            }
        }
    }
}

/// The base-2 logarithm of a positive normal number, to 0.0003.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "an exponent")]
fn fast_log2(value: f32) -> f32 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let m = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    // Chebyshev fit of log2 over 1 to 2.
    let mantissa =
        (((-0.079_158_16 * m + 0.628_873_6) * m - 2.081_214_2) * m + 4.028_548) * m - 2.496_846;
    exponent as f32 + mantissa
}

/// 2 to the power of a number between -20 and 20, to a relative 0.0002.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a small exponent"
)]
fn fast_exp2(value: f32) -> f32 {
    // Shifted to where truncation rounds down.
    let shifted = value.clamp(-20.0, 20.0) + 32.0;
    let whole = shifted as u32;
    let f = shifted - whole as f32;
    let scale = f32::from_bits((whole + (127 - 32)) << 23);
    // Least-squares fit of 2^f over 0 to 1 that is exact at both ends.
    scale * (((0.078_228_17 * f + 0.226_269_82) * f + 0.695_502) * f + 1.0)
}

/// Rolls highlights off from the knee on, so that what was white before the gain is white after it: a
/// gain of 1 or less changes nothing, and no gain leaves a grey white.
#[inline]
fn roll_off(value: f32, gain: f32) -> f32 {
    if value <= KNEE || gain <= 1.0 {
        return value;
    }
    let over = (value - KNEE) / (1.0 - KNEE);
    let bend = 1.0 - (1.0 - KNEE) / (gain - KNEE);
    KNEE + (1.0 - KNEE) * over / (1.0 + bend * over)
}

/// The local model along one row of the full picture.
struct LocalRow<'a> {
    /// Slope and offset for every column of the proxy, the last one twice.
    columns: Vec<[f32; 2]>,
    local: &'a Local,
    scale: f32,
}

impl<'a> LocalRow<'a> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions within a picture"
    )]
    fn new(local: &'a Local, y: usize, width: usize, height: usize) -> Self {
        let rows = local.model.slope.height;
        let columns = local.model.slope.width;
        let position = ((y as f32 + 0.5) * rows as f32 / height as f32 - 0.5)
            .clamp(0.0, rows.saturating_sub(1) as f32);
        let row = position as usize;
        let fraction = position - row as f32;
        let blend = |plane: &Plane| -> Vec<f32> {
            let line = |row: usize| {
                let row = row.min(rows - 1);
                plane.values.iter().skip(row * columns).take(columns)
            };
            line(row)
                .zip(line(row + 1))
                .map(|(low, high)| low + (high - low) * fraction)
                .collect()
        };
        let slopes = blend(&local.model.slope);
        let mut columns: Vec<[f32; 2]> = slopes
            .into_iter()
            .zip(blend(&local.model.offset))
            .map(|(slope, offset)| {
                let gained = offset.abs() + slope.abs() * -DARKEST.log2() > LEAST_EV;
                if gained { [slope, offset] } else { [0.0; 2] }
            })
            .collect();
        columns.extend(columns.last().copied());
        Self {
            scale: columns.len().saturating_sub(1) as f32 / width as f32,
            columns,
            local,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positions within a picture"
    )]
    #[inline]
    fn gain(&self, x: usize, guide: impl FnOnce() -> f32) -> f32 {
        let position = ((x as f32 + 0.5) * self.scale - 0.5).max(0.0);
        let column = (position as usize).min(self.columns.len() - 2);
        let fraction = position - column as f32;
        let Some(&[low, high]) = self.columns.get(column..column + 2) else {
            return 1.0;
        };
        // Most of a photo has no gain of its own: no logarithm there.
        if low == [0.0; 2] && high == [0.0; 2] {
            return 1.0;
        }
        let slope = low[0] + (high[0] - low[0]) * fraction;
        let offset = low[1] + (high[1] - low[1]) * fraction;
        fast_exp2((slope * guide() + offset).clamp(self.local.lowest, self.local.highest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_logarithm_and_power_are_near_the_exact_ones() {
        for step in 1..4000 {
            let value = step as f32 * 0.001;
            assert!((fast_log2(value) - value.log2()).abs() < 3e-4, "{value}");
            let power = value * 5.0 - 10.0;
            let exact = power.exp2();
            assert!((fast_exp2(power) - exact).abs() < 2e-4 * exact, "{power}");
        }
    }

    #[test]
    fn white_stays_white_under_every_gain_and_a_gain_of_one_changes_nothing() {
        for gain in [1.0, 1.3, 2.0, 5.0] {
            assert!((roll_off(gain, gain) - 1.0).abs() < 1e-5, "{gain}");
            let mut before = 0.0;
            for step in 0..=100 {
                let after = roll_off(gain * step as f32 / 100.0, gain);
                assert!(after >= before, "{gain} {step}");
                before = after;
            }
        }
        assert!((roll_off(0.9, 1.0) - 0.9).abs() < 1e-6);
    }
}
