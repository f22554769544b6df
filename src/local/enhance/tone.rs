//! Light and colour: everything that is estimated on the proxy, and its application to the full picture.

use rayon::prelude::*;

use super::evidence::{Allowance, Tones, untouched};
use super::exposure::{Exposure, usable_luminances};
use super::guided::{LinearModel, Plane};
use super::mixed_light::LightField;
use super::mood::Mood;
use super::pass::Pass;
use super::proxy::Proxy;
use super::regions::Regions;
use super::vignetting::{GainTable, Vignetting};
use super::white_balance::WhiteBalance;
use super::windows;
use crate::domain::enhancement::{EnhancementSettings, StepReport, StepSetting};
use crate::imaging::color::luminance;
use crate::imaging::{Picture, Samples, SceneLight, vectorized};

/// Luminance below this is not told apart when local gains are chosen.
pub(super) const DARKEST: f32 = 1.0 / 1024.0;
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
pub(super) const LEAST_EV: f32 = 1e-3;
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
pub(super) struct Local {
    pub(super) model: LinearModel,
    pub(super) lowest: f32,
    pub(super) highest: f32,
}

/// What the camera said of the photo.
#[derive(Clone, Copy, Debug)]
pub(super) struct CameraWord {
    pub(super) focal_length_35mm: Option<f64>,
    /// Whether it said anything.
    pub(super) spoke: bool,
    pub(super) light: SceneLight,
}

/// Estimates everything on a small copy of the photo. Where somebody seems to have worked on the picture
/// before, less of what looks wrong is taken for a fault.
pub(super) fn estimate(
    picture: &Picture,
    camera: &CameraWord,
    luma_sigma: f64,
    settings: &EnhancementSettings,
) -> Tone {
    let mut proxy = Proxy::of(picture);
    let regions = Regions::of(&proxy);
    let mood = Mood::of(&proxy, camera.light);
    let tones = Tones::of(usable_luminances(&proxy, &regions), regions.sky_share > 0.0);
    let untouched = untouched(camera.spoke, luma_sigma, tones.set);
    let vignetting = Vignetting::estimate(
        settings.vignetting,
        camera.focal_length_35mm,
        &proxy,
        &regions,
    );
    lift_corners(&mut proxy, &vignetting);
    let field = if settings.white_balance == StepSetting::Auto && mood.is_none() {
        LightField::estimate(&proxy, &regions, untouched)
    } else {
        None
    };
    if let Some(field) = &field {
        field.apply(&mut proxy);
    }
    let mut allowance = Allowance::new();
    let mut white_balance = match mood {
        Some(mood) if settings.white_balance == StepSetting::Auto => {
            WhiteBalance::left_alone(mood.reason())
        }
        _ => WhiteBalance::estimate(
            settings.white_balance,
            &proxy,
            &regions,
            untouched,
            tones.cast_counts(),
            &mut allowance,
        ),
    };
    white_balance.field = field;
    for pixel in &mut proxy.pixels {
        for (value, gain) in pixel.iter_mut().zip(white_balance.gains) {
            *value *= gain;
        }
    }
    let mut exposure = Exposure::estimate(
        settings.exposure,
        &proxy,
        &regions,
        untouched,
        tones,
        &allowance,
    );
    if let Some(mood) = mood
        && settings.exposure == StepSetting::Auto
    {
        exposure.keep(mood);
    }
    let strength = |setting: StepSetting, auto: f64| match setting {
        StepSetting::Off => 0.0,
        StepSetting::Fixed(strength) => strength,
        StepSetting::Auto => auto,
    };
    let highlights = strength(settings.highlights, 1.0);
    let shadows = strength(
        settings.shadows,
        exposure.fault * shadow_strength(&proxy, &exposure),
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
#[inline(always)]
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
            && self.white_balance.field.is_none()
            && self.vignetting.changes_nothing()
    }

    /// Applies everything. The result has 16-bit samples, unless there is nothing to change.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a gain in single precision"
    )]
    pub(super) fn apply(&self, picture: Picture) -> Picture {
        if self.changes_nothing() {
            return picture;
        }
        let (width, height) = (picture.width, picture.height);
        let pass = Pass {
            corners: &self.corners,
            balance: self.white_balance.gains,
            field: self.white_balance.field.as_ref(),
            exposure: self.exposure.gain_ev.exp2() as f32,
            local: self.local.as_ref(),
            width,
            height,
        };
        let samples = match picture.samples {
            Samples::Eight(samples) => {
                let mut wide = vec![0_u16; samples.len()];
                wide.par_chunks_mut(width * 3)
                    .zip(samples.par_chunks(width * 3))
                    .enumerate()
                    .for_each(|(y, (target, source))| {
                        for (target, source) in target.iter_mut().zip(source) {
                            *target = u16::from(*source) * 257;
                        }
                        vectorized(
                            #[inline(always)]
                            || pass.apply(y, target),
                        );
                    });
                wide
            }
            Samples::Sixteen(mut samples) => {
                samples
                    .par_chunks_mut(width * 3)
                    .enumerate()
                    .for_each(|(y, row)| {
                        vectorized(
                            #[inline(always)]
                            || pass.apply(y, row),
                        );
                    });
                samples
            }
        };
        Picture {
            width,
            height,
            samples: Samples::Sixteen(samples),
        }
    }
}
