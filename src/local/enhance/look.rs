//! The style's finish: a little warmth, contrast and saturation, after everything else.

use rayon::prelude::*;

use crate::domain::enhancement::{Look, StepReport};
use crate::imaging::color::{TransferTables, luminance};
use crate::imaging::{Picture, Samples};

/// Full warmth multiplies red and divides blue by this much.
const WARMTH: f64 = 0.06;
/// Full contrast bends the curve by this much at its steepest.
const CONTRAST: f32 = 0.22;
/// Full saturation moves a colour this much farther from its grey.
const SATURATION: f32 = 0.25;

/// Applies the look to the encoded picture. A neutral look changes nothing.
pub(super) fn apply(picture: &mut Picture, look: &Look) -> StepReport {
    if *look == Look::default() {
        return StepReport::not_applied("look", "the style's look is neutral");
    }
    let width = picture.width;
    let finish = Finish::of(look);
    if let Samples::Eight(samples) = &picture.samples {
        let wide = samples.iter().map(|&sample| u16::from(sample) * 257);
        picture.samples = Samples::Sixteen(wide.collect());
    }
    if let Samples::Sixteen(samples) = &mut picture.samples {
        samples
            .par_chunks_mut(width * 3)
            .for_each(|row| finish.apply(row));
    }
    StepReport::applied(
        "look",
        [
            ("warmth", look.warmth),
            ("contrast", look.contrast),
            ("saturation", look.saturation),
        ],
    )
}

/// A look in the form in which it is applied.
struct Finish {
    gains: [f32; 3],
    saturation: f32,
    /// The contrast curve over the 16-bit samples, one entry for every 16th.
    curve: Vec<f32>,
}

impl Finish {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "values near 1 in single precision"
    )]
    fn of(look: &Look) -> Self {
        let red = (1.0 + WARMTH).powf(look.warmth);
        let blue = 1.0 / red;
        let scale = 1.0 / f64::from(luminance([red as f32, 1.0, blue as f32]));
        let strength = CONTRAST * look.contrast as f32;
        // x + s x (1 - x) (2 x - 1) leaves black, middle and white where they are.
        let curve = (0..=4097)
            .map(|entry| {
                let x = (entry as f32 / 4096.0).min(1.0);
                (x + strength * 2.0 * x * (1.0 - x) * (2.0 * x - 1.0)) * 65_535.0
            })
            .collect();
        Self {
            gains: [red * scale, scale, blue * scale].map(|gain| gain as f32),
            saturation: SATURATION * look.saturation as f32,
            curve,
        }
    }

    fn apply(&self, row: &mut [u16]) {
        let tables = TransferTables::shared();
        for pixel in row.chunks_exact_mut(3) {
            let &mut [red, green, blue] = pixel else {
                continue;
            };
            let linear = [
                tables.decode_sixteen(red) * self.gains[0],
                tables.decode_sixteen(green) * self.gains[1],
                tables.decode_sixteen(blue) * self.gains[2],
            ];
            let grey = luminance(linear);
            for (sample, value) in pixel.iter_mut().zip(linear) {
                let value = grey + (value - grey) * (1.0 + self.saturation);
                *sample = self.bend(tables.encode_sixteen(value));
            }
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the curve stays within 0 to 65535"
    )]
    fn bend(&self, sample: u16) -> u16 {
        let entry = usize::from(sample >> 4);
        let fraction = f32::from(sample & 15) / 16.0;
        match self.curve.get(entry..entry + 2) {
            Some(&[low, high]) => (low + (high - low) * fraction + 0.5).clamp(0.0, 65_535.0) as u16,
            _ => sample,
        }
    }
}
