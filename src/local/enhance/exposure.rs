//! Exposure: the gain that brings the room, not its windows or the sky, to the brightness of a well
//! exposed listing photo.

use super::evidence::{Allowance, Tones};
use super::mood::{self, Mood};
use super::proxy::Proxy;
use super::regions::Regions;
use super::tone::smooth_step;
use crate::domain::enhancement::{StepReport, StepSetting};
use crate::imaging::color::luminance;

/// Geometric and arithmetic mean luminance of a well exposed room.
const TARGET_GEOMETRIC: f64 = 0.287;
const TARGET_MEAN: f64 = 0.337;
/// How bright surfaces are against the mean where most of the room is of one brightness, and where dark and
/// bright already span what a picture can show.
const EVEN: f64 = 1.4;
const SPANNING: f64 = 2.8;
/// How much brighter than the usual target a room is kept that is white all over, EV.
const WHITE_ROOM_EV: f64 = 0.7;
/// How much more the geometric mean may ask for than the mean: black furniture pulls it down.
const BLACK_FURNITURE_EV: f64 = 0.2;
/// The strongest gain, EV, where blown areas misled the camera's meter.
const LARGEST_EV: f64 = 2.6;
/// Where nothing misled it, a meter finds this mean; how far beyond a gain may go, and how far below a meter
/// may be, EV.
const METERED: f64 = 0.22;
const BEYOND_METERED_EV: f64 = 0.3;
const LARGEST_METER_EV: f64 = 0.9;
/// How far below that mean an exposure begins to be a fault, and how much further it certainly is, EV.
const BELOW_METERED_EV: f64 = 0.2;
const BELOW_RAMP_EV: f64 = 0.8;
/// How likely a failed meter is without any sign of it: rooms are brighter than what meters aim at.
const METERS_FAIL: f64 = 0.4;
/// The share of a picture that is blown where the meter was certainly misled.
const MISLEADING: f32 = 0.015;
/// A picture within this of the target counts as well exposed, EV.
const TOLERANCE_EV: f64 = 0.33;

/// The gain of the whole picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exposure {
    pub(super) gain_ev: f64,
    reason: Option<&'static str>,
    /// The mood that bounds the gain.
    kept: Option<Mood>,
    measured: Measured,
    /// How likely it is that the exposure is a fault, 0 to 1.
    pub(super) fault: f64,
}

/// What the room's brightness looks like, in linear light.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measured {
    mean: f64,
    geometric_mean: f64,
    bright_surfaces: f64,
}

impl Measured {
    fn of(luminances: &mut [f32]) -> Self {
        if luminances.is_empty() {
            return Self {
                mean: TARGET_MEAN,
                geometric_mean: TARGET_GEOMETRIC,
                bright_surfaces: 2.0 * TARGET_MEAN,
            };
        }
        let count = luminances.len() as f64;
        let sum: f64 = luminances.iter().copied().map(f64::from).sum();
        let logarithms: f64 = luminances
            .iter()
            .map(|&value| (f64::from(value) + 0.001).ln())
            .sum();
        let rank = luminances.len() * 95 / 100;
        let bright = *luminances.select_nth_unstable_by(rank, f32::total_cmp).1;
        Self {
            mean: (sum / count).max(1e-5),
            geometric_mean: (logarithms / count).exp(),
            bright_surfaces: f64::from(bright),
        }
    }

    /// How much the room is of one brightness, 0 to 1, as white rooms are.
    fn white_room(&self) -> f64 {
        ((EVEN - self.bright_surfaces / self.mean) / 0.3).clamp(0.0, 1.0)
    }

    /// How sure it is that the meter failed, 0 to 1: blown areas, the sky or a white room misled it, or the
    /// picture is darker than any meter would have it.
    fn meter_failed(&self, exterior: bool, blown: f32) -> f64 {
        let below = (METERED / self.mean).log2();
        let dark = f64::from(smooth_step(
            ((below - BELOW_METERED_EV) / BELOW_RAMP_EV) as f32,
        ));
        let misled = if exterior { 1.0 } else { misled(blown) };
        misled.max(self.white_room()).max(dark).max(METERS_FAIL)
    }

    /// The gain that is missing. Means find a well exposed room within a tenth of an EV or so; two kinds of
    /// picture lie elsewhere on purpose: white rooms, and dark ones with bright spots. A picture that an
    /// editor has seen and that is a little dark is meant to be.
    fn gain_ev(&self, exterior: bool, blown: f32, tones: Tones, untouched: f64) -> f64 {
        let mean = (TARGET_MEAN / self.mean).log2();
        let geometric = (TARGET_GEOMETRIC / self.geometric_mean).log2();
        let range = self.bright_surfaces / self.mean;
        let white = self.white_room() * WHITE_ROOM_EV;
        let spanning = 1.0 - 0.35 * (range - SPANNING).clamp(0.0, 2.0);
        let missing = if exterior {
            mean
        } else {
            ((0.5 * (mean + geometric)).min(mean + BLACK_FURNITURE_EV) + white) * spanning
        };
        let size = (missing.max(0.0) / TOLERANCE_EV).powi(4);
        let misled = misled(blown);
        let by_meter = (METERED / self.mean).log2().clamp(0.0, LARGEST_METER_EV);
        let plain = by_meter.max(LARGEST_METER_EV * tones.grey_whites) + BEYOND_METERED_EV + white;
        let largest = plain + (LARGEST_EV - plain) * misled;
        let gain = (missing * size / (size + 1.0)).clamp(0.0, largest);
        let of_edited = 0.25 + 0.75 * ((gain - 1.0) / 1.5).clamp(0.0, 1.0);
        gain * (of_edited + (1.0 - of_edited) * untouched)
    }
}

/// How sure it is that bright areas misled the camera's meter, 0 to 1, from the share that is blown.
fn misled(blown: f32) -> f64 {
    f64::from(smooth_step(blown / MISLEADING))
}

/// The luminance of what tells something about the exposure: neither blown nor sky.
pub(super) fn usable_luminances(proxy: &Proxy, regions: &Regions) -> Vec<f32> {
    proxy
        .pixels
        .iter()
        .zip(&regions.unusable)
        .zip(&regions.sky.values)
        .map(|((&pixel, &unusable), &sky)| (luminance(pixel), unusable, sky))
        .filter(|&(bright, unusable, sky)| sky < 0.1 && (!unusable || bright < 0.1))
        .map(|(bright, _, _)| bright)
        .collect()
}

impl Exposure {
    pub(super) fn estimate(
        setting: StepSetting,
        proxy: &Proxy,
        regions: &Regions,
        untouched: f64,
        tones: Tones,
        allowance: &Allowance,
    ) -> Self {
        let mut bright = usable_luminances(proxy, regions);
        let measured = Measured::of(&mut bright);
        let exterior = regions.sky_share > 0.0;
        let failed = measured
            .meter_failed(exterior, regions.blown_share)
            .max(tones.grey_whites);
        let fault = untouched * (1.0 - tones.set) * failed;
        let (gain_ev, reason) = match setting {
            StepSetting::Off => (0.0, Some("switched off")),
            StepSetting::Fixed(gain) => (gain, None),
            StepSetting::Auto => {
                let gain = measured.gain_ev(exterior, regions.blown_share, tones, untouched);
                let gain = gain * allowance.exposure(proxy, fault, gain);
                if gain < 0.02 {
                    (0.0, Some("already well exposed"))
                } else {
                    (gain, None)
                }
            }
        };
        Self {
            gain_ev,
            reason,
            kept: None,
            measured,
            fault,
        }
    }

    /// Changes little, as the light is deliberate.
    pub(super) fn keep(&mut self, mood: Mood) {
        let most = mood.most_ev();
        self.gain_ev = (self.gain_ev * mood::SHARE).clamp(-most, most);
        self.fault = 0.0;
        self.kept = Some(mood);
        if self.gain_ev.abs() < 0.02 {
            self.gain_ev = 0.0;
            self.reason = self.reason.or(Some(mood.reason()));
        }
    }

    pub(super) fn report(&self) -> StepReport {
        match self.reason {
            Some(reason) => StepReport::not_applied("exposure", reason),
            None => {
                let mut report = StepReport::applied(
                    "exposure",
                    [
                        ("gain_ev", self.gain_ev),
                        ("fault_evidence", self.fault),
                        ("mean_luminance", self.measured.mean),
                        ("geometric_mean_luminance", self.measured.geometric_mean),
                        ("bright_surface_luminance", self.measured.bright_surfaces),
                    ],
                );
                report.reason = self.kept.map(|mood| mood.reason().to_owned());
                report
            }
        }
    }
}
