//! Noise shrinkage of one plane in overlapping 8 by 8 cosine blocks, four pixels apart in both
//! directions. A coefficient is kept as far as it stands out of the noise expected at the block's
//! brightness (smooth shrinkage, after the sliding-window cosine denoising of Yu and Sapiro, IPOL
//! 2011); overlapping blocks are blended with a squared-sine window, whose weights sum to one. The
//! vertical transforms are shared by all blocks of a row of blocks.

use super::transform::{Lanes, SCALE, forward, inverse};
use crate::imaging::vectorized;

/// Pixels between neighbouring blocks, and the border that a band needs on every side.
pub(super) const STEP: usize = 4;

/// Squared-sine window: `WINDOW[i] + WINDOW[i + 4] == 1`.
const WINDOW: [f32; 8] = [
    0.038_060_233,
    0.308_658_28,
    0.691_341_7,
    0.961_939_8,
    0.961_939_8,
    0.691_341_7,
    0.308_658_28,
    0.038_060_233,
];

/// Sum of the two frequencies of a coefficient where the middle band of the estimate ends, and mean
/// of its finest band.
const MIDDLE_FREQUENCY: f32 = 4.5;
const FINEST_FREQUENCY: f32 = 10.3;

/// Shrinkage where a block holds nothing but noise, in noise deviations.
const FLAT_THRESHOLD: f32 = 3.6;
/// Shrinkage where a block is full of structure.
const TEXTURE_THRESHOLD: f32 = 1.4;

/// The noise that is expected in a plane.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Variance in the middle frequencies for each code value of brightness, above zero.
    pub(super) variance: [f32; 256],
    /// Square of what the transform and the noise's spectrum multiply each coefficient with, in the
    /// layout of a block: `[horizontal][vertical]`.
    scales: [Lanes; 8],
    /// Inverse of `scales`, but zero for the mean, which is no detail.
    inverse_scales: [Lanes; 8],
}

impl Expected {
    /// `finest_ratio` is the deviation in the finest frequencies relative to the middle ones, which
    /// coding, demosaicing and scaling lower.
    pub(super) fn new(variance: [f32; 256], finest_ratio: f64) -> Self {
        let mut scales = [Lanes::default(); 8];
        let mut inverse_scales = scales;
        for (u, (scales, inverse)) in scales.iter_mut().zip(&mut inverse_scales).enumerate() {
            for (v, (scale, inverse)) in scales.0.iter_mut().zip(&mut inverse.0).enumerate() {
                let fineness = ((u + v) as f32 - MIDDLE_FREQUENCY).max(0.0)
                    / (FINEST_FREQUENCY - MIDDLE_FREQUENCY);
                let spectrum = (1.0 + (finest_ratio as f32 - 1.0) * fineness).max(0.3);
                let factor = SCALE[u] * SCALE[v] * 8.0 * spectrum;
                *scale = factor * factor;
                *inverse = if u + v == 0 { 0.0 } else { 1.0 / *scale };
            }
        }
        Self {
            variance,
            scales,
            inverse_scales,
        }
    }
}

/// Where the brightness of a block comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Guide<'a> {
    /// The plane itself.
    Own,
    /// Another plane in the layout of the band.
    Band(&'a [f32]),
}

/// Working memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    columns: Vec<f32>,
    blended: Vec<f32>,
}

/// Stride of a band over `width` pixels: a border of [`STEP`] on both sides, rounded up to whole
/// groups of eight columns.
pub(super) const fn band_stride(width: usize) -> usize {
    (width + 2 * STEP).next_multiple_of(8)
}

/// Shrinks the noise of a band. `input` holds `rows + 8` rows of `stride` values (a border of four
/// rows above and below, four columns left and at least four right); `output` gets `rows` rows of
/// the same stride, whose border columns mean nothing. `rows` is a multiple of four, the band starts
/// at a multiple of four in its plane.
pub(super) fn shrink_band(
    input: &[f32],
    guide: Guide<'_>,
    stride: usize,
    expected: &Expected,
    output: &mut [f32],
    scratch: &mut Scratch,
) {
    vectorized(
        #[inline(always)]
        || shrink_rows(input, guide, stride, expected, output, scratch),
    );
}

#[inline(always)]
fn shrink_rows(
    input: &[f32],
    guide: Guide<'_>,
    stride: usize,
    expected: &Expected,
    output: &mut [f32],
    scratch: &mut Scratch,
) {
    let rows = output.len() / stride;
    output.fill(0.0);
    scratch.columns.resize(stride * 8, 0.0);
    scratch.blended.resize(stride * 8, 0.0);
    for block_row in 0..=rows / STEP {
        let top = block_row * STEP;
        let Some(block_input) = input.get(top * stride..(top + 8) * stride) else {
            continue;
        };
        transform_columns(block_input, stride, &mut scratch.columns);
        scratch.blended.fill(0.0);
        let guide_rows = match guide {
            Guide::Own => None,
            Guide::Band(values) => values.get((top + 3) * stride..(top + 5) * stride),
        };
        shrink_blocks(
            &scratch.columns,
            guide_rows,
            stride,
            expected,
            &mut scratch.blended,
        );
        blend_rows(&scratch.blended, stride, block_row, output);
    }
}

/// Vertical transform of eight rows, written with the eight coefficients of a column together.
#[inline(always)]
fn transform_columns(input: &[f32], stride: usize, columns: &mut [f32]) {
    for (group, target) in columns.chunks_exact_mut(64).enumerate() {
        let mut samples = [Lanes::default(); 8];
        for (row, lanes) in samples.iter_mut().enumerate() {
            *lanes = Lanes::load(&input[row * stride + group * 8..]);
        }
        forward(&mut samples);
        for (column, target) in target.chunks_exact_mut(8).enumerate() {
            for (value, lanes) in target.iter_mut().zip(&samples) {
                *value = lanes.0[column];
            }
        }
    }
}

/// Horizontal transform, shrinkage and inverse of all blocks of a row of blocks.
#[inline(always)]
fn shrink_blocks(
    columns: &[f32],
    guide_rows: Option<&[f32]>,
    stride: usize,
    expected: &Expected,
    blended: &mut [f32],
) {
    let blocks = stride / STEP - 1;
    for block in 0..blocks {
        let left = block * STEP;
        let Some(source) = columns.get(left * 8..left * 8 + 64) else {
            continue;
        };
        let mut coefficients = [Lanes::default(); 8];
        for (lanes, source) in coefficients.iter_mut().zip(source.chunks_exact(8)) {
            *lanes = Lanes::load(source);
        }
        forward(&mut coefficients);
        let brightness = match guide_rows {
            None => coefficients[0].0[0] / 64.0,
            Some(rows) => {
                let centre = left + 3;
                (rows[centre]
                    + rows[centre + 1]
                    + rows[stride + centre]
                    + rows[stride + centre + 1])
                    / 4.0
            }
        };
        let noise = expected.variance[(brightness.clamp(0.0, 255.0)) as usize];
        shrink_block(&mut coefficients, noise, expected);
        inverse(&mut coefficients);
        let Some(target) = blended.get_mut(left * 8..left * 8 + 64) else {
            continue;
        };
        for ((target, lanes), weight) in target.chunks_exact_mut(8).zip(&coefficients).zip(WINDOW) {
            let sum = Lanes::load(target) + *lanes * weight;
            sum.store(target);
        }
    }
}

/// Keeps each coefficient as far as it stands out of the noise.
#[inline(always)]
fn shrink_block(coefficients: &mut [Lanes; 8], noise: f32, expected: &Expected) {
    let mut energies = [Lanes::default(); 8];
    let mut total = Lanes::default();
    for ((energy, lanes), scale) in energies
        .iter_mut()
        .zip(&*coefficients)
        .zip(&expected.inverse_scales)
    {
        *energy = *lanes * *lanes;
        total = total + *energy * *scale;
    }
    let activity = total.0.iter().sum::<f32>() / (63.0 * noise);
    // A block as active as noise alone is smoothed harder than one with structure, where what is
    // left of the noise cannot be seen.
    let structure = (activity - 1.2).clamp(0.0, 1.0);
    let threshold = FLAT_THRESHOLD + (TEXTURE_THRESHOLD - FLAT_THRESHOLD) * structure;
    let level = threshold * threshold * noise;
    let mean = coefficients[0].0[0];
    for ((lanes, energy), scale) in coefficients.iter_mut().zip(&energies).zip(&expected.scales) {
        for ((value, energy), scale) in lanes.0.iter_mut().zip(energy.0).zip(scale.0) {
            let bound = level * scale;
            let squared = energy * energy;
            *value *= squared / (squared + bound * bound);
        }
    }
    coefficients[0].0[0] = mean;
}

/// Inverse vertical transform of a row of blocks, added to the rows that it covers.
#[inline(always)]
fn blend_rows(blended: &[f32], stride: usize, block_row: usize, output: &mut [f32]) {
    let rows = output.len() / stride;
    for (group, source) in blended.chunks_exact(64).enumerate() {
        let mut lanes = [Lanes::default(); 8];
        for (column, source) in source.chunks_exact(8).enumerate() {
            for (lane, value) in lanes.iter_mut().zip(source) {
                lane.0[column] = *value;
            }
        }
        inverse(&mut lanes);
        for (offset, (lane, weight)) in lanes.iter().zip(WINDOW).enumerate() {
            // Rows of the input lie four above those of the output.
            let Some(row) = (block_row * STEP + offset).checked_sub(STEP) else {
                continue;
            };
            if row >= rows {
                continue;
            }
            let target = &mut output[row * stride + group * 8..row * stride + group * 8 + 8];
            let sum = Lanes::load(target) + *lane * (weight / 64.0);
            sum.store(target);
        }
    }
}
