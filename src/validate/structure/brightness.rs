//! Exposure and white balance are taken out before anything is compared: each channel of the reference
//! is brought to the candidate's brightness by a gain and an offset, fitted to the pixels that may be judged.
//! It is also clipped as the candidate is, so that a brighter picture is no other picture, and a window
//! that is white in both can still be seen to go.

use rayon::prelude::*;

use super::field::{CELLS, Grey, Sums, columns};
use crate::imaging::vectorized;

/// Samples of 8 bits at or above this are clipped, whatever the picture was before it was coded.
const WHITE: u8 = 250;
/// Samples of 8 bits at or below this are clipped.
const BLACK: u8 = 4;
/// Samples that tell a colour: coding a strong colour near the ends of the range clips and changes it.
const COLOURED: std::ops::RangeInclusive<u8> = 16..=239;
/// At most about so many pixels are used for the fit.
const FIT_PIXELS: usize = 60_000;

/// What one channel of the reference is multiplied by and moved by to look like the candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Match {
    pub(super) gain: f64,
    pub(super) offset: f64,
}

/// Gains and offsets of red, green and blue.
pub(super) fn fit(reference: &[u8], candidate: &[u8], visible: &Grey) -> [Match; 3] {
    let stride = (visible.values.len() / FIT_PIXELS).max(1);
    let mut pairs: [Vec<(f64, f64)>; 3] = Default::default();
    let pixels = reference.chunks_exact(3).zip(candidate.chunks_exact(3));
    for ((before, after), &judged) in pixels.zip(&visible.values).step_by(stride) {
        if judged == 0.0 {
            continue;
        }
        for ((pairs, &before), &after) in pairs.iter_mut().zip(before).zip(after) {
            if (BLACK + 1..WHITE).contains(&before) && (BLACK + 1..WHITE).contains(&after) {
                pairs.push((f64::from(before), f64::from(after)));
            }
        }
    }
    pairs.map(|pairs| fit_channel(&pairs))
}

fn fit_channel(pairs: &[(f64, f64)]) -> Match {
    let mut fitted = Match {
        gain: 1.0,
        offset: 0.0,
    };
    let mut limit = f64::INFINITY;
    for round in 0..4 {
        let (mut n, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(before, after) in pairs {
            if round == 0 || (after - fitted.gain * before - fitted.offset).abs() <= limit {
                n += 1.0;
                x += before;
                y += after;
                xx += before * before;
                xy += before * after;
            }
        }
        if n < 64.0 {
            return fitted;
        }
        let (mean_x, mean_y) = (x / n, y / n);
        // A flat picture says nothing about the gain: a prior of two steps holds it near 1.
        let prior = 4.0;
        let gain = (xy / n - mean_x * mean_y + prior) / (xx / n - mean_x * mean_x + prior);
        let gain = gain.clamp(0.3, 3.0);
        fitted = Match {
            gain,
            offset: mean_y - gain * mean_x,
        };
        let mut residuals: Vec<f64> = pairs
            .iter()
            .step_by((pairs.len() / 4096).max(1))
            .map(|&(before, after)| (after - gain * before - fitted.offset).abs())
            .collect();
        residuals.sort_by(f64::total_cmp);
        let median = residuals.get(residuals.len() / 2).copied().unwrap_or(0.0);
        limit = (3.0 * median).max(3.0);
    }
    fitted
}

/// Both pictures as luma of the same brightness, 0 to 255, and where one of them is clipped.
#[derive(Debug)]
pub(super) struct Matched {
    pub(super) reference: Grey,
    pub(super) candidate: Grey,
    /// Of each cell: judged pixels, clipped ones, and over those that tell a colour the sums of candidate
    /// less reference in red, green and blue, with their number.
    pub(super) colour: Sums<6>,
}

/// Where in [`Matched::colour`] a quantity lies.
pub(super) mod colour {
    pub(in super::super) const JUDGED: usize = 0;
    pub(in super::super) const CLIPPED: usize = 1;
    pub(in super::super) const RED: usize = 2;
    pub(in super::super) const COUNT: usize = 5;
}

/// Brings the reference to the candidate's brightness.
pub(super) fn apply(
    reference: &[u8],
    candidate: &[u8],
    visible: &Grey,
    matches: &[Match; 3],
) -> Matched {
    const WEIGHTS: [f32; 3] = [0.299, 0.587, 0.114];
    let (width, height) = (visible.width, visible.height);
    let tables: [[f32; 256]; 3] = matches.map(|channel| {
        std::array::from_fn(|sample| {
            let value = channel.gain * sample as f64 + channel.offset;
            value.clamp(0.0, 255.0) as f32
        })
    });
    let mut before = vec![0.0_f32; width * height];
    let mut after = vec![0.0_f32; width * height];
    let cells = columns(width);
    let stride = width * 3;
    before
        .par_chunks_mut(width)
        .zip(after.par_chunks_mut(width))
        .zip(
            reference
                .par_chunks(stride)
                .zip(candidate.par_chunks(stride)),
        )
        .for_each(|((before, after), (reference, candidate))| {
            for (value, pixel) in before.iter_mut().zip(reference.chunks_exact(3)) {
                *value = WEIGHTS[0] * tables[0][usize::from(pixel[0])]
                    + WEIGHTS[1] * tables[1][usize::from(pixel[1])]
                    + WEIGHTS[2] * tables[2][usize::from(pixel[2])];
            }
            vectorized(
                #[inline(always)]
                || {
                    for (value, pixel) in after.iter_mut().zip(candidate.chunks_exact(3)) {
                        *value = WEIGHTS[0] * f32::from(pixel[0])
                            + WEIGHTS[1] * f32::from(pixel[1])
                            + WEIGHTS[2] * f32::from(pixel[2]);
                    }
                },
            );
        });
    let colour = Sums::gather(height, |rows, sums: &mut [[f64; 6]; CELLS]| {
        for y in rows {
            let line = y * stride..(y + 1) * stride;
            let (Some(before), Some(after)) = (reference.get(line.clone()), candidate.get(line))
            else {
                continue;
            };
            let judged = visible.row(y);
            for (cell, sum) in cells.iter().zip(sums.iter_mut()) {
                let bytes = 3 * cell.start..3 * cell.end;
                let pixels = before[bytes.clone()]
                    .chunks_exact(3)
                    .zip(after[bytes].chunks_exact(3));
                let mut total = [0.0_f32; 6];
                for ((before, after), &judged) in pixels.zip(&judged[cell.clone()]) {
                    if judged == 0.0 {
                        continue;
                    }
                    total[colour::JUDGED] += 1.0;
                    let clipped = before.iter().chain(after).any(|&sample| sample >= WHITE);
                    total[colour::CLIPPED] += f32::from(u8::from(clipped));
                    // Chosen by the reference alone: choosing by both would move the mean.
                    if !before.iter().all(|sample| COLOURED.contains(sample)) {
                        continue;
                    }
                    for channel in 0..3 {
                        total[colour::RED + channel] += f32::from(after[channel])
                            - tables[channel][usize::from(before[channel])];
                    }
                    total[colour::COUNT] += 1.0;
                }
                for (sum, total) in sum.iter_mut().zip(total) {
                    *sum += f64::from(total);
                }
            }
        }
    });
    let grey = |values| Grey {
        width,
        height,
        values,
    };
    Matched {
        reference: grey(before),
        candidate: grey(after),
        colour,
    }
}
