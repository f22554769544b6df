//! How sure it is that something is wrong with a photo, and how far a step may therefore change it. A dark
//! or a warm picture may be a fault of the camera or the mood that somebody wanted: where the pixels do
//! not tell, a correction is kept so small that it does no harm.

use super::pass::roll_off;
use super::proxy::Proxy;
use super::tone::smooth_step;
use crate::imaging::color::{Lab, delta_e_2000, linear_to_xyz, xyz_to_lab};

/// Luma noise (standard deviation, code values of 0 to 255) below which a picture that does not name its
/// camera has certainly been through an editor, and how much more of it only a sensor leaves.
const CLEAN_NOISE: f64 = 1.3;
const SENSOR_NOISE: f64 = 1.3;
/// What all corrections together may change a picture by, as a mean CIEDE2000 difference, where nothing
/// says that anything is wrong; and what the white balance may take of it.
const TOLERABLE: f64 = 3.0;
const TOLERABLE_BALANCE: f64 = 1.8;
/// From the blacks (2nd percentile) to the brightest surfaces (99th), in EV: a plain exposure of a room holds
/// no more than the first, a picture whose tones have been set on purpose fills the second more.
const PLAIN_RANGE: f32 = 5.4;
const FILLED_RANGE: f32 = 1.2;
/// How much more a plain exposure holds outdoors, where sun and shade lie side by side.
const OUTDOORS: f32 = 1.5;
/// Luminance of the brightest surfaces from which they are white, in part and fully.
const NEARLY_WHITE: f32 = 0.45;
const WHITE_RAMP: f32 = 0.2;
/// How far the brightest surfaces lie above the median, in EV, in a dark picture with bright spots.
const SPARSE_ABOVE: f32 = 1.5;
const SPARSE_RAMP: f32 = 1.2;
/// How much of the doubt about a cast remains in a picture that is dark on purpose.
const LOW_KEY_CAST: f64 = 0.2;
/// How fast the allowance grows with the evidence.
const GROWTH: f64 = 0.7;
/// Brightness levels at which a cast must show.
const LEVELS: usize = 4;
/// Shares of a level's surfaces that have a say, at least.
const LEAST_SHARE: f64 = 0.02;
/// Pixels on which a change is measured.
const SAMPLES: usize = 1500;

/// How likely it is that the picture is as the camera made it, 0 to 1: its camera says so, or the noise of
/// a sensor is in it, which an editor or a smaller size takes out, and its tones are not `set`.
pub(super) fn untouched(camera_spoke: bool, luma_sigma: f64, set: f64) -> f64 {
    if camera_spoke {
        return 1.0;
    }
    let position = (luma_sigma - CLEAN_NOISE) / SENSOR_NOISE;
    f64::from(smooth_step(position as f32)) * (1.0 - set)
}

/// How likely it is that somebody has set a picture's tones on purpose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tones {
    /// It has its blacks, and either its whites or bright spots in the dark, 0 to 1.
    pub(super) set: f64,
    /// It has its blacks and bright spots in the dark, 0 to 1.
    low_key: f64,
    /// It has its blacks, and what is brightest is much of it and no white, 0 to 1: too little light.
    pub(super) grey_whites: f64,
}

impl Tones {
    /// From the luminance of surfaces that are neither blown nor sky.
    pub(super) fn of(mut luminances: Vec<f32>, exterior: bool) -> Self {
        let plain = PLAIN_RANGE + if exterior { OUTDOORS } else { 0.0 };
        if luminances.is_empty() {
            return Self {
                set: 1.0,
                low_key: 0.0,
                grey_whites: 0.0,
            };
        }
        let mut at = |share: f64| {
            let rank = ((luminances.len() - 1) as f64 * share) as usize;
            luminances
                .select_nth_unstable_by(rank, f32::total_cmp)
                .1
                .max(1.0 / 4096.0)
        };
        let (black, middle, bright) = (at(0.02), at(0.5), at(0.99));
        let filled = smooth_step(((bright / black).log2() - plain) / FILLED_RANGE);
        let white = smooth_step((bright - NEARLY_WHITE) / WHITE_RAMP);
        let sparse = smooth_step(((bright / middle).log2() - SPARSE_ABOVE) / SPARSE_RAMP);
        Self {
            set: f64::from(filled * white.max(sparse)),
            low_key: f64::from(filled * sparse),
            grey_whites: f64::from(filled * (1.0 - white) * (1.0 - sparse)),
        }
    }

    /// How much a cast counts: mood has its colour too.
    pub(super) fn cast_counts(self) -> f64 {
        1.0 - (1.0 - LOW_KEY_CAST) * self.low_key
    }
}

/// How likely it is that a cast is the light's and not the things', 0 to 1. The light's colour lies on
/// everything: taking it out makes surfaces grey in shadows, midtones and highlights alike. Where as
/// many were grey before, they would get the opposite cast.
///
/// `surfaces` are `ln(red / green)` and `ln(blue / green)` by rising luminance; `distance` tells how far a
/// colour is from what a grey or cream surface may have, 1 at the edge.
pub(super) fn cast_fault(
    surfaces: &[[f64; 2]],
    cast: [f64; 2],
    distance: impl Fn([f64; 2]) -> f64,
) -> f64 {
    let grey = |colour: [f64; 2]| (-0.5 * distance(colour).powi(2)).exp();
    let mut agreement = 0.0;
    let mut levels = 0.0;
    for level in surfaces.chunks(surfaces.len().div_ceil(LEVELS).max(1)) {
        let (mut before, mut after) = (0.0, 0.0);
        for &colour in level {
            before += grey(colour);
            after += grey([colour[0] - cast[0], colour[1] - cast[1]]);
        }
        if before + after > LEAST_SHARE * level.len() as f64 {
            agreement += after / (before + after);
            levels += 1.0;
        }
    }
    if levels == 0.0 {
        return 0.0;
    }
    f64::from(smooth_step(((agreement / levels - 0.3) / 0.4) as f32))
}

/// What a picture may be changed by, as a mean CIEDE2000 difference.
#[derive(Debug)]
pub(super) struct Allowance {
    left: f64,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { left: TOLERABLE }
    }

    /// The share of a white balance, given as natural logarithms of its gains, that may be done.
    pub(super) fn balance(
        &mut self,
        proxy: &Proxy,
        fault: f64,
        gains: impl Fn(f64) -> [f32; 3],
    ) -> f64 {
        let apply = |pixel: [f32; 3], share: f64| {
            let gains = gains(share);
            [0, 1, 2].map(|channel| pixel[channel] * gains[channel])
        };
        let allowed = allowed(TOLERABLE_BALANCE, fault);
        let share = greatest_share(proxy, allowed, apply);
        self.left -= mean_change(proxy, |pixel| apply(pixel, share)).min(TOLERABLE_BALANCE);
        share
    }

    /// The share of an exposure's gain in EV that may be done.
    pub(super) fn exposure(&self, proxy: &Proxy, fault: f64, gain_ev: f64) -> f64 {
        let allowed = allowed(self.left, fault);
        greatest_share(proxy, allowed, |pixel, share| {
            let gain = (share * gain_ev).exp2() as f32;
            pixel.map(|value| roll_off(value * gain, gain))
        })
    }
}

/// What a change may be: the least where there is no evidence, and no bound where it is certain.
fn allowed(least: f64, fault: f64) -> f64 {
    least / (1.0 - fault).max(1e-6).powf(GROWTH)
}

/// The greatest share of a change, 0 to 1, that changes the picture by no more than `allowed`.
fn greatest_share(proxy: &Proxy, allowed: f64, apply: impl Fn([f32; 3], f64) -> [f32; 3]) -> f64 {
    let change = |share: f64| mean_change(proxy, |pixel| apply(pixel, share));
    if change(1.0) <= allowed {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..8 {
        let middle = 0.5 * (low + high);
        if change(middle) <= allowed {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

fn mean_change(proxy: &Proxy, apply: impl Fn([f32; 3]) -> [f32; 3]) -> f64 {
    let step = (proxy.pixels.len() / SAMPLES).max(1);
    let (sum, count) =
        proxy
            .pixels
            .iter()
            .step_by(step)
            .fold((0.0, 0.0), |(sum, count), &pixel| {
                (
                    sum + delta_e_2000(lab(pixel), lab(apply(pixel))),
                    count + 1.0,
                )
            });
    sum / f64::max(count, 1.0)
}

fn lab(pixel: [f32; 3]) -> Lab {
    xyz_to_lab(linear_to_xyz(
        pixel.map(|value| f64::from(value.clamp(0.0, 1.0))),
    ))
}
