//! Exposure: the gain that brings the room, not its windows or the sky, to the brightness of a well
//! exposed listing photo.

use super::proxy::Proxy;
use super::regions::Regions;
use crate::domain::enhancement::{StepReport, StepSetting};
use crate::imaging::color::luminance;

/// Geometric and arithmetic mean luminance of a well exposed room.
const TARGET_GEOMETRIC: f64 = 0.29;
const TARGET_MEAN: f64 = 0.345;
/// The strongest gain, EV.
const LARGEST_EV: f64 = 2.4;
/// A picture within this of the target is well exposed, EV.
const TOLERANCE_EV: f64 = 0.15;

/// The gain of the whole picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exposure {
    pub(super) gain_ev: f64,
    reason: Option<&'static str>,
    mean: f64,
    geometric: f64,
}

impl Exposure {
    pub(super) fn estimate(setting: StepSetting, proxy: &Proxy, regions: &Regions) -> Self {
        let (mut sum, mut logarithms, mut count) = (0.0_f64, 0.0_f64, 0.0_f64);
        for ((&pixel, &unusable), &sky) in proxy
            .pixels
            .iter()
            .zip(&regions.unusable)
            .zip(&regions.sky.values)
        {
            let bright = luminance(pixel);
            if sky > 0.1 || (unusable && bright > 0.1) {
                continue;
            }
            sum += f64::from(bright);
            logarithms += (f64::from(bright) + 0.001).ln();
            count += 1.0;
        }
        let (mean, geometric) = if count > 0.0 {
            (sum / count, (logarithms / count).exp())
        } else {
            (TARGET_MEAN, TARGET_GEOMETRIC)
        };
        let (gain_ev, reason) = match setting {
            StepSetting::Off => (0.0, Some("switched off")),
            StepSetting::Fixed(gain) => (gain, None),
            StepSetting::Auto => {
                let missing = 0.5
                    * ((TARGET_GEOMETRIC / geometric.max(1e-4)).log2()
                        + (TARGET_MEAN / mean.max(1e-4)).log2());
                let size = (missing / TOLERANCE_EV).powi(2);
                let gain = (missing * size / (size + 1.0)).clamp(0.0, LARGEST_EV);
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
            mean,
            geometric,
        }
    }

    pub(super) fn report(&self) -> StepReport {
        match self.reason {
            Some(reason) => StepReport::not_applied("exposure", reason),
            None => StepReport::applied(
                "exposure",
                [
                    ("gain_ev", self.gain_ev),
                    ("mean_luminance", self.mean),
                    ("geometric_mean_luminance", self.geometric),
                ],
            ),
        }
    }
}
