//! Noise reduction. The noise is measured in the photo (by brightness, for luma and chroma, fine and
//! blotchy), bounded by what the ISO speed lets expect, and shrunk in overlapping cosine blocks:
//! luma at full size with its blotches taken out at half and quarter size, chroma at half, quarter
//! and eighth size. What stands out of the noise stays, and a little grain stays with it, so that
//! walls do not turn to plastic.

mod estimate;
mod plane;
pub(super) mod sample;
mod shrink;
#[cfg(test)]
mod tests;
mod transform;

use rayon::prelude::*;

use self::estimate::{BINS, ChannelNoise, measure};
use self::plane::{BAND_ROWS, Plane, mirror_borders, mirrored};
use self::sample::{Sample, luma_row};
use self::shrink::{Expected, Guide, STEP, Scratch, band_stride, shrink_band};
use crate::domain::enhancement::{StepReport, StepSetting};
use crate::imaging::{Picture, Samples, vectorized};

/// Name of the step in settings and reports.
pub const STEP_NAME: &str = "noise_reduction";

/// Strength that is used where nothing fixes it: nearly all of the noise, a little grain stays.
const AUTO_STRENGTH: f64 = 0.9;
/// Deviations in code values where noise begins to be seen and where it calls for the full strength.
/// What JPEG coding leaves in a clean photo lies at the lower end.
const VISIBLE_LUMA: (f64, f64) = (0.4, 1.0);
const VISIBLE_CHROMA: (f64, f64) = (0.6, 1.2);
/// Less than this is not worth touching a photo.
const LEAST_STRENGTH: f64 = 0.1;

/// The noise of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseEstimate {
    luma: ChannelNoise,
    chroma: ChannelNoise,
}

impl NoiseEstimate {
    /// A picture without noise.
    #[must_use]
    pub const fn none() -> Self {
        let none = ChannelNoise {
            shape: [1.0; BINS],
            levels: [0.0; 3],
            finest_ratio: 1.0,
        };
        Self {
            luma: ChannelNoise { ..none },
            chroma: none,
        }
    }

    /// Standard deviation of the luma noise of most of the picture, in code values of 0 to 255.
    #[must_use]
    pub const fn luma_sigma(&self) -> f64 {
        self.luma.levels[0]
    }

    /// Standard deviation of the chroma noise (each of the two channels at a quarter of
    /// the size, where its blotches are strongest) of most of
    /// the picture, in code values of 0 to 255.
    #[must_use]
    pub const fn chroma_sigma(&self) -> f64 {
        self.chroma.levels[1]
    }

    /// Standard deviation of the luma noise where the picture has this brightness, both in code
    /// values of 0 to 255.
    #[must_use]
    pub fn luma_sigma_at(&self, brightness: f64) -> f64 {
        self.luma.at(0, brightness)
    }

    /// The noise that is left after a reduction of this strength.
    #[must_use]
    pub fn reduced(&self, strength: f64) -> Self {
        let left = 1.0 - 0.9 * strength.clamp(0.0, 1.0);
        let scaled = |noise: &ChannelNoise| ChannelNoise {
            levels: noise.levels.map(|sigma| sigma * left),
            ..noise.clone()
        };
        Self {
            luma: scaled(&self.luma),
            chroma: scaled(&self.chroma),
        }
    }
}

/// Measures the noise of a photo, from a sample of its blocks. The ISO speed bounds what may be taken
/// for noise where the photo has no flat surface.
#[must_use]
pub fn estimate(picture: &Picture, iso: Option<u32>) -> NoiseEstimate {
    let (luma, chroma) = measure(picture, iso);
    NoiseEstimate { luma, chroma }
}

/// The strength with which to reduce the noise, 0 to 1, and the report of the step.
#[must_use]
pub fn decide(noise: &NoiseEstimate, setting: StepSetting) -> (f64, StepReport) {
    let (strength, reason) = match setting {
        StepSetting::Off => (0.0, "switched off"),
        StepSetting::Fixed(strength) => (strength.clamp(0.0, 1.0), "fixed at no strength"),
        StepSetting::Auto => {
            let visible = |sigma: f64, (least, full): (f64, f64)| {
                ((sigma - least) / (full - least)).clamp(0.0, 1.0)
            };
            let strength = AUTO_STRENGTH
                * visible(noise.luma_sigma(), VISIBLE_LUMA)
                    .max(visible(noise.chroma_sigma(), VISIBLE_CHROMA));
            let strength = if strength < LEAST_STRENGTH {
                0.0
            } else {
                strength
            };
            (strength, "the photo has no visible noise")
        }
    };
    let parameters = [
        ("luma_sigma", rounded(noise.luma_sigma())),
        ("chroma_sigma", rounded(noise.chroma_sigma())),
        ("strength", rounded(strength)),
    ];
    let mut report = StepReport::applied(STEP_NAME, parameters);
    if strength <= 0.0 {
        report.applied = false;
        report.reason = Some(reason.to_owned());
    }
    (strength, report)
}

/// Three decimals are enough for a report.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Takes the noise out of a picture. `strength` is the share of the noise that goes, 0 to 1. The
/// result has 16 bits for each sample; at strength 0 it is the same picture.
#[must_use]
pub fn reduce(picture: Picture, noise: &NoiseEstimate, strength: f64) -> Picture {
    let strength = strength.clamp(0.0, 1.0) as f32;
    let (width, height) = (picture.width, picture.height);
    if strength <= 0.0 {
        return into_sixteen(picture);
    }
    let corrections = Corrections::new(&picture, noise);
    let samples = match &picture.samples {
        Samples::Eight(samples) => finest(samples, width, height, noise, &corrections, strength),
        Samples::Sixteen(samples) => finest(samples, width, height, noise, &corrections, strength),
    };
    Picture {
        width,
        height,
        samples: Samples::Sixteen(samples),
    }
}

fn into_sixteen(picture: Picture) -> Picture {
    let samples = match picture.samples {
        Samples::Eight(samples) => samples
            .into_par_iter()
            .with_min_len(1 << 16)
            .map(|sample| u16::from(sample) * 257)
            .collect(),
        Samples::Sixteen(samples) => samples,
    };
    Picture {
        width: picture.width,
        height: picture.height,
        samples: Samples::Sixteen(samples),
    }
}

/// What the coarser levels change, at half size: blotches of luma, and all noise of chroma.
struct Corrections {
    luma: Plane,
    blue: Plane,
    red: Plane,
}

impl Corrections {
    fn new(picture: &Picture, noise: &NoiseEstimate) -> Self {
        let [luma, blue, red] = match &picture.samples {
            Samples::Eight(samples) => half_planes(samples, picture.width, picture.height),
            Samples::Sixteen(samples) => half_planes(samples, picture.width, picture.height),
        };
        let quarter = luma.halved();
        let eighth = quarter.halved();
        let fine = expected(&noise.chroma, 0);
        let middle = expected(&noise.chroma, 1);
        let coarse = expected(&noise.chroma, 2);
        let chroma = |plane: Plane| {
            let half = plane.halved();
            let eighth_change = change(half.halved(), Some(&eighth), &coarse, None);
            let quarter_change = change(half, Some(&quarter), &middle, Some(&eighth_change));
            change(plane, Some(&luma), &fine, Some(&quarter_change))
        };
        let blue = chroma(blue);
        let red = chroma(red);
        let quarter_change = change(quarter.clone(), None, &expected(&noise.luma, 2), None);
        let fine = expected(&noise.luma, 1);
        let luma = change(luma, None, &fine, Some(&quarter_change));
        Self { luma, blue, red }
    }
}

/// What shrinkage changes in a plane whose coarser levels have been corrected.
fn change(plane: Plane, guide: Option<&Plane>, noise: &Expected, coarser: Option<&Plane>) -> Plane {
    let mut corrected = plane.clone();
    if let Some(coarser) = coarser {
        corrected.add_doubled(coarser);
    }
    let mut shrunk = corrected.shrunk(guide, noise);
    for (value, before) in shrunk.values.iter_mut().zip(&plane.values) {
        *value -= before;
    }
    shrunk
}

/// The noise of a level as shrinkage wants it.
fn expected(noise: &ChannelNoise, level: usize) -> Expected {
    let mut variance = [0.0; 256];
    for (brightness, variance) in variance.iter_mut().enumerate() {
        let sigma = noise.at(level, brightness as f64);
        *variance = (sigma * sigma).max(1e-4) as f32;
    }
    let finest_ratio = if level == 0 { noise.finest_ratio } else { 1.0 };
    Expected::new(variance, finest_ratio)
}

/// Luma and the two chroma channels at half size.
fn half_planes<S: Sample>(samples: &[S], width: usize, height: usize) -> [Plane; 3] {
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let mut planes = [(); 3].map(|()| Plane {
        width: half_width,
        height: half_height,
        values: vec![0.0; half_width * half_height],
    });
    let [luma, blue, red] = &mut planes;
    luma.values
        .par_chunks_mut(half_width)
        .zip(blue.values.par_chunks_mut(half_width))
        .zip(red.values.par_chunks_mut(half_width))
        .enumerate()
        .with_min_len(16)
        .for_each(|(y, ((luma, blue), red))| {
            let top = &samples[2 * y * width * 3..][..width * 3];
            let below = (2 * y + 1).min(height - 1);
            let bottom = &samples[below * width * 3..][..width * 3];
            vectorized(
                #[inline(always)]
                || half_row(top, bottom, luma, blue, red),
            );
        });
    planes
}

#[inline(always)]
fn half_row<S: Sample>(
    top: &[S],
    bottom: &[S],
    luma: &mut [f32],
    blue: &mut [f32],
    red: &mut [f32],
) {
    const QUARTER: f32 = 0.25 / 257.0;
    let pairs = top.chunks(6).zip(bottom.chunks(6));
    for ((((luma, blue), red), top), bottom) in luma
        .iter_mut()
        .zip(&mut *blue)
        .zip(&mut *red)
        .zip(pairs.clone().map(|(top, _)| top))
        .zip(pairs.map(|(_, bottom)| bottom))
    {
        let sums: [i32; 3] = match (top, bottom) {
            ([r, g, b, r2, g2, b2], [r3, g3, b3, r4, g4, b4]) => [
                r.code() + r2.code() + r3.code() + r4.code(),
                g.code() + g2.code() + g3.code() + g4.code(),
                b.code() + b2.code() + b3.code() + b4.code(),
            ],
            ([r, g, b], [r3, g3, b3]) => [
                2 * (r.code() + r3.code()),
                2 * (g.code() + g3.code()),
                2 * (b.code() + b3.code()),
            ],
            _ => [0; 3],
        };
        let [r, g, b] = sums.map(|sum| sum as f32 * QUARTER);
        let value = 0.299 * r + 0.587 * g + 0.114 * b;
        *luma = value;
        *blue = (b - value) * (0.5 / 0.886);
        *red = (r - value) * (0.5 / 0.701);
    }
}

/// Shrinks luma at full size and applies all changes.
fn finest<S: Sample>(
    samples: &[S],
    width: usize,
    height: usize,
    noise: &NoiseEstimate,
    corrections: &Corrections,
    strength: f32,
) -> Vec<u16> {
    let expected = expected(&noise.luma, 0);
    let stride = band_stride(width);
    let mut result = vec![0_u16; samples.len()];
    result
        .par_chunks_mut(width * 3 * BAND_ROWS)
        .enumerate()
        .for_each_init(Buffers::default, |buffers, (band, target)| {
            let top = band * BAND_ROWS;
            let rows = (target.len() / (width * 3)).next_multiple_of(STEP);
            buffers.resize(width, stride, rows);
            for (offset, row) in buffers.input.chunks_exact_mut(stride).enumerate() {
                let y = mirrored((top + offset).cast_signed() - STEP.cast_signed(), height);
                let inner = &mut row[STEP..STEP + width];
                let pixels = &samples[y * width * 3..(y + 1) * width * 3];
                let (mixed, doubled) = (&mut buffers.mixed, &mut buffers.doubled);
                vectorized(
                    #[inline(always)]
                    || {
                        luma_row(pixels, inner);
                        corrections.luma.doubled_row(y, mixed, doubled);
                        for (value, change) in inner.iter_mut().zip(&*doubled) {
                            *value += change;
                        }
                    },
                );
                mirror_borders(width, row);
            }
            shrink_band(
                &buffers.input,
                Guide::Own,
                stride,
                &expected,
                &mut buffers.output,
                &mut buffers.scratch,
            );
            for (offset, target) in target.chunks_exact_mut(width * 3).enumerate() {
                let y = top + offset;
                let pixels = &samples[y * width * 3..(y + 1) * width * 3];
                vectorized(
                    #[inline(always)]
                    || buffers.apply_row(pixels, y, offset, stride, corrections, strength, target),
                );
            }
        });
    result
}

/// Working memory of one thread.
#[derive(Default)]
struct Buffers {
    input: Vec<f32>,
    output: Vec<f32>,
    scratch: Scratch,
    mixed: Vec<f32>,
    doubled: Vec<f32>,
    luma: Vec<f32>,
    blue: Vec<f32>,
    red: Vec<f32>,
}

impl Buffers {
    fn resize(&mut self, width: usize, stride: usize, rows: usize) {
        self.input.resize((rows + 2 * STEP) * stride, 0.0);
        self.output.resize(rows * stride, 0.0);
        self.mixed.resize(width.div_ceil(2), 0.0);
        for row in [
            &mut self.doubled,
            &mut self.luma,
            &mut self.blue,
            &mut self.red,
        ] {
            row.resize(width, 0.0);
        }
    }

    /// Adds the changes of luma and chroma to a row of pixels.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "one row of five inputs")]
    fn apply_row<S: Sample>(
        &mut self,
        pixels: &[S],
        y: usize,
        offset: usize,
        stride: usize,
        corrections: &Corrections,
        strength: f32,
        target: &mut [u16],
    ) {
        let width = self.luma.len();
        luma_row(pixels, &mut self.luma);
        corrections
            .blue
            .doubled_row(y, &mut self.mixed, &mut self.blue);
        corrections
            .red
            .doubled_row(y, &mut self.mixed, &mut self.red);
        let shrunk = &self.output[offset * stride + STEP..][..width];
        let unit = 257.0 * strength;
        for (((luma, shrunk), blue), red) in self
            .luma
            .iter_mut()
            .zip(shrunk)
            .zip(&mut self.blue)
            .zip(&mut self.red)
        {
            let change = (shrunk - *luma) * unit;
            let (cb, cr) = (*blue * unit, *red * unit);
            *luma = change - 0.344_136 * cb - 0.714_136 * cr;
            *blue = change + 1.772 * cb;
            *red = change + 1.402 * cr;
        }
        for ((((target, pixel), red), green), blue) in target
            .as_chunks_mut::<3>()
            .0
            .iter_mut()
            .zip(pixels.as_chunks::<3>().0)
            .zip(&self.red)
            .zip(&self.luma)
            .zip(&self.blue)
        {
            for ((target, sample), change) in target.iter_mut().zip(pixel).zip([red, green, blue]) {
                *target = u16::from_code(sample.code() as f32 + change);
            }
        }
    }
}
