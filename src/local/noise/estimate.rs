//! Measures the noise of a photo: in a sample of its tiles, the blocks whose fine detail is weakest
//! for their brightness hold little but noise, so their high-frequency energy tells its deviation
//! (after Immerkær 1996 and the block-based estimators that followed, with the percentile in place
//! of a flatness test). The same blocks on the coarser levels of the pyramid tell how much of the
//! noise is smeared over many pixels.

use rayon::prelude::*;

use super::transform::{Lanes, SCALE, forward};
use crate::imaging::{Picture, Samples};

/// Brightness bins of 16 code values.
pub(super) const BINS: usize = 16;
/// Side of a sampled tile in pixels.
const TILE: usize = 64;
/// Most tiles that are looked at.
const MAX_TILES: usize = 320;
/// The share of a bin's blocks that are taken to hold nothing but noise.
const QUIET_SHARE: f64 = 0.2;
/// What the deviation of blocks of pure noise is at that share, relative to the true deviation.
const QUIET_CORRECTION: f64 = 0.92;
/// Fewer blocks than this say nothing about a bin.
const MIN_BLOCKS: usize = 24;
/// Deviation that JPEG coding and rounding leave in a clean picture, in code values.
const CODING_DEVIATION: f64 = 0.3;

/// Deviations of one channel: by brightness on its finest level, and how those of the coarser levels
/// compare with it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChannelNoise {
    pub(super) by_brightness: [f64; BINS],
    pub(super) coarser: [f64; 2],
    pub(super) typical: f64,
}

/// One block of 8 by 8 values: its brightness and the deviation of its fine detail.
type Block = (f32, f32);

/// What the sampled tiles gave: levels of luma (full, half, quarter size), levels of chroma (half,
/// quarter, eighth size, blue and red together).
#[derive(Clone, Debug, Default)]
struct Sampled {
    luma: [Vec<Block>; 3],
    chroma: [Vec<Block>; 3],
}

/// Noise of luma and chroma in code values of an 8-bit picture.
pub(super) fn measure(picture: &Picture, iso: Option<u32>) -> (ChannelNoise, ChannelNoise) {
    let sampled = sample(picture);
    let expected = iso.map(expected_deviation);
    let luma = channel(&sampled.luma, expected);
    let chroma = channel(&sampled.chroma, expected.map(|deviation| 0.6 * deviation));
    (luma, chroma)
}

/// Luma deviation in the middle tones that cameras of this decade show at an ISO speed, in code
/// values: shot noise grows with the square root of the gain.
fn expected_deviation(iso: u32) -> f64 {
    0.95 * (f64::from(iso.clamp(25, 102_400)) / 100.0).sqrt()
}

fn channel(levels: &[Vec<Block>; 3], expected: Option<f64>) -> ChannelNoise {
    let mut bins: [Vec<f32>; BINS] = Default::default();
    for (brightness, deviation) in &levels[0] {
        let bin = (*brightness / 16.0) as usize;
        bins[bin.min(BINS - 1)].push(*deviation);
    }
    let mut measured = [None; BINS];
    for (bin, (blocks, measured)) in bins.iter_mut().zip(&mut measured).enumerate() {
        if blocks.len() >= MIN_BLOCKS {
            let quiet = quantile(blocks, QUIET_SHARE) / QUIET_CORRECTION;
            let quiet = (quiet * quiet - CODING_DEVIATION * CODING_DEVIATION)
                .max(0.0)
                .sqrt();
            // A bin without any flat block would take its texture for noise; the ISO speed says
            // how much noise there can be, and the dark end of the curve is steeper.
            let steepness = 1.0 + 1.8 * (1.0 - bin as f64 / 6.0).max(0.0);
            let bound = expected.map_or(12.0, |deviation| 2.2 * deviation * steepness);
            *measured = Some(quiet.min(bound));
        }
    }
    let by_brightness = filled(&measured);
    let mut weighted: Vec<f32> = levels[0]
        .iter()
        .map(|(brightness, _)| at(&by_brightness, f64::from(*brightness)) as f32)
        .collect();
    let typical = if weighted.is_empty() {
        0.0
    } else {
        quantile(&mut weighted, 0.5)
    };
    let mut coarser = [0.0; 2];
    for (level, (ratio, blocks)) in coarser.iter_mut().zip(&levels[1..]).enumerate() {
        let white = 0.5_f64.powi(level as i32 + 1);
        let mut ratios: Vec<f32> = blocks
            .iter()
            .filter_map(|(brightness, deviation)| {
                let fine = at(&by_brightness, f64::from(*brightness));
                (fine > 0.2).then(|| deviation / fine as f32)
            })
            .collect();
        *ratio = if ratios.len() < MIN_BLOCKS {
            white
        } else {
            // Real detail grows on the coarser levels; noise is never stronger there than twice
            // what white noise would be, plus the blotches of demosaicing.
            (quantile(&mut ratios, QUIET_SHARE) / QUIET_CORRECTION).clamp(0.6 * white, 2.0)
        };
    }
    ChannelNoise {
        by_brightness,
        coarser,
        typical,
    }
}

/// Deviation at a brightness, interpolated between the centres of the bins.
pub(super) fn at(by_brightness: &[f64; BINS], brightness: f64) -> f64 {
    let position = (brightness / 16.0 - 0.5).clamp(0.0, (BINS - 1) as f64);
    let bin = (position as usize).min(BINS - 2);
    let part = position - bin as f64;
    by_brightness[bin] * (1.0 - part) + by_brightness[bin + 1] * part
}

/// Gaps filled from the nearest measured bins, then smoothed lightly.
fn filled(measured: &[Option<f64>; BINS]) -> [f64; BINS] {
    let mut complete = [0.0; BINS];
    for (bin, value) in complete.iter_mut().enumerate() {
        let before = (0..=bin).rev().find_map(|at| Some((at, measured[at]?)));
        let after = (bin..BINS).find_map(|at| Some((at, measured[at]?)));
        *value = match (before, after) {
            (Some((low, a)), Some((high, b))) if high > low => {
                a + (b - a) * (bin - low) as f64 / (high - low) as f64
            }
            (Some((_, a)), _) => a,
            (None, Some((_, b))) => b,
            (None, None) => 0.0,
        };
    }
    let mut smoothed = complete;
    for (bin, value) in smoothed.iter_mut().enumerate() {
        let before = complete[bin.saturating_sub(1)];
        let after = complete[(bin + 1).min(BINS - 1)];
        *value = 0.25 * before + 0.5 * complete[bin] + 0.25 * after;
    }
    smoothed
}

fn quantile(values: &mut [f32], share: f64) -> f64 {
    let position = ((values.len() - 1) as f64 * share) as usize;
    let (_, value, _) = values.select_nth_unstable_by(position, f32::total_cmp);
    f64::from(*value)
}

/// Looks at tiles spread evenly over the picture.
fn sample(picture: &Picture) -> Sampled {
    let columns = picture.width / TILE;
    let rows = picture.height / TILE;
    let tiles = columns * rows;
    let count = tiles.min(MAX_TILES);
    let found: Vec<Sampled> = (0..count)
        .into_par_iter()
        .with_min_len(8)
        .map(|index| {
            let tile = index * tiles / count;
            sample_tile(picture, tile % columns * TILE, tile / columns * TILE)
        })
        .collect();
    let mut all = Sampled::default();
    for sampled in found {
        for (all, found) in all.luma.iter_mut().zip(sampled.luma) {
            all.extend(found);
        }
        for (all, found) in all.chroma.iter_mut().zip(sampled.chroma) {
            all.extend(found);
        }
    }
    all
}

fn sample_tile(picture: &Picture, left: usize, top: usize) -> Sampled {
    let mut luma = vec![0.0; TILE * TILE];
    let mut blue = luma.clone();
    let mut red = luma.clone();
    for y in 0..TILE {
        let start = ((top + y) * picture.width + left) * 3;
        for x in 0..TILE {
            let at = start + 3 * x;
            let [r, g, b] = match &picture.samples {
                Samples::Eight(samples) => {
                    [0, 1, 2].map(|channel| f32::from(samples[at + channel]))
                }
                Samples::Sixteen(samples) => {
                    [0, 1, 2].map(|channel| f32::from(samples[at + channel]) / 257.0)
                }
            };
            let value = 0.299 * r + 0.587 * g + 0.114 * b;
            luma[y * TILE + x] = value;
            blue[y * TILE + x] = (b - value) * 0.564;
            red[y * TILE + x] = (r - value) * 0.713;
        }
    }
    let mut sampled = Sampled::default();
    for level in 0..3 {
        let side = TILE >> level;
        collect_blocks(&luma, &luma, side, &mut sampled.luma[level]);
        luma = halve(&luma, side);
        blue = halve(&blue, side);
        red = halve(&red, side);
        collect_blocks(&blue, &luma, side / 2, &mut sampled.chroma[level]);
        collect_blocks(&red, &luma, side / 2, &mut sampled.chroma[level]);
    }
    sampled
}

fn halve(values: &[f32], side: usize) -> Vec<f32> {
    let half = side / 2;
    (0..half * half)
        .map(|index| {
            let at = index / half * 2 * side + index % half * 2;
            (values[at] + values[at + 1] + values[at + side] + values[at + side + 1]) * 0.25
        })
        .collect()
}

fn collect_blocks(values: &[f32], luma: &[f32], side: usize, blocks: &mut Vec<Block>) {
    for top in (0..side).step_by(8) {
        for left in (0..side).step_by(8) {
            let mut lanes = [Lanes::default(); 8];
            let mut brightness = 0.0;
            for (row, lanes) in lanes.iter_mut().enumerate() {
                let start = (top + row) * side + left;
                *lanes = Lanes::load(&values[start..]);
                brightness += luma[start..start + 8].iter().sum::<f32>();
            }
            blocks.push((brightness / 64.0, fine_deviation(lanes)));
        }
    }
}

/// Root mean square of the coefficients above the lowest frequencies, which hold the shading of
/// surfaces.
fn fine_deviation(mut block: [Lanes; 8]) -> f32 {
    forward(&mut block);
    let mut turned = [Lanes::default(); 8];
    for (row, lanes) in block.iter().enumerate() {
        for (column, value) in lanes.0.iter().enumerate() {
            turned[column].0[row] = *value;
        }
    }
    forward(&mut turned);
    let mut energy = 0.0;
    let mut count = 0.0_f32;
    for (u, lanes) in turned.iter().enumerate() {
        for (v, value) in lanes.0.iter().enumerate() {
            if u + v >= 3 {
                let orthonormal = value / (SCALE[u] * SCALE[v] * 8.0);
                energy += orthonormal * orthonormal;
                count += 1.0;
            }
        }
    }
    (energy / count).sqrt()
}
