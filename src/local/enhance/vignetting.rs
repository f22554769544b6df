//! The darkening towards the corners that a lens leaves, taken out round the centre of the picture.

use crate::domain::enhancement::{StepReport, StepSetting};

/// How fast the light falls off: a corrected wide-angle lens keeps about half of the natural `cos⁴` law.
const SPREAD: f64 = 0.35;
const POWER: f64 = 0.55;
/// Taken for a photo that does not say its focal length, in millimetres on 24 x 36 mm film: the usual
/// wide angle of a listing photo.
const ASSUMED_FOCAL_LENGTH: f64 = 24.0;
/// The diagonal of 24 x 36 mm film, in millimetres.
const FILM_DIAGONAL: f64 = 43.266_615;
/// The share of the usual falloff that is taken out without further evidence.
const PRIOR_STRENGTH: f64 = 0.5;

/// The gain that takes vignetting out: `(1 + SPREAD r²)^(POWER strength)`, r in focal lengths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vignetting {
    /// 0 (none) to 1.
    strength: f64,
    /// The focal length over the picture's diagonal.
    focal_per_diagonal: f64,
}

impl Vignetting {
    pub(super) fn estimate(
        setting: StepSetting,
        focal_length_35mm: Option<f64>,
        untouched: f64,
    ) -> Self {
        let focal_length = focal_length_35mm
            .filter(|length| length.is_finite() && *length >= 8.0)
            .unwrap_or(ASSUMED_FOCAL_LENGTH);
        let strength = match setting {
            StepSetting::Off => 0.0,
            StepSetting::Fixed(strength) => strength,
            StepSetting::Auto => PRIOR_STRENGTH * untouched,
        };
        Self {
            strength,
            focal_per_diagonal: focal_length / FILM_DIAGONAL,
        }
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
            return StepReport::not_applied("vignetting", "switched off");
        }
        StepReport::applied(
            "vignetting",
            [
                ("strength", self.strength),
                (
                    "focal_length_35mm_millimetres",
                    self.focal_per_diagonal * FILM_DIAGONAL,
                ),
                ("corner_gain_ev", self.gain(0.25).log2()),
            ],
        )
    }
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
