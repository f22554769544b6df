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
/// Where the first tile begins: off the grid of JPEG blocks, whose coding would hide noise.
const OFFSET: usize = 4;
/// Most tiles that are looked at.
const MAX_TILES: usize = 320;
/// The share of a bin's blocks that are taken to hold nothing but noise.
const QUIET_SHARE: f64 = 0.2;
/// What the deviation of blocks of pure noise is at that share, relative to the true deviation.
const QUIET_CORRECTION: f64 = 0.88;
/// Most luma deviation in the middle tones that is taken for noise where the ISO speed is unknown.
const MAX_DEVIATION: f64 = 12.0;
/// Fewer blocks than this say nothing about a bin.
const MIN_BLOCKS: usize = 24;
/// Deviation that JPEG coding and rounding leave in a clean picture, in code values.
const CODING_DEVIATION: f64 = 0.3;

/// Deviations of one channel: by brightness on its finest level, and those of the three levels in
/// the middle tones.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ChannelNoise {
    /// How the deviation depends on brightness, 1 where the picture mostly is.
    pub(super) shape: [f64; BINS],
    /// Deviations of the three levels, finest first, in code values.
    pub(super) levels: [f64; 3],
    /// Deviation of the finest frequencies of the finest level relative to its middle ones.
    pub(super) finest_ratio: f64,
}

impl ChannelNoise {
    /// Deviation of a level at a brightness.
    pub(super) fn at(&self, level: usize, brightness: f64) -> f64 {
        at(&self.shape, brightness) * self.levels.get(level).copied().unwrap_or(0.0)
    }
}

/// One block of 8 by 8 values.
#[derive(Clone, Copy, Debug)]
struct Block {
    brightness: f32,
    /// Deviation in the middle frequencies.
    middle: f32,
    /// Deviation in the finest frequencies.
    finest: f32,
}

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
    let expected = iso.map_or(MAX_DEVIATION, expected_deviation);
    let by_brightness = curve(&sampled.luma[0], expected);
    let mut found: Vec<f32> = sampled.luma[0]
        .iter()
        .map(|block| at(&by_brightness, f64::from(block.brightness)) as f32)
        .collect();
    let typical = quantile(&mut found, 0.5).unwrap_or(0.0);
    let shape = if typical > 0.0 {
        by_brightness.map(|deviation| deviation / typical)
    } else {
        [1.0; BINS]
    };
    let half = level(&sampled.luma[1], &shape).clamp(0.5 * typical, 0.65 * typical);
    let quarter = level(&sampled.luma[2], &shape).clamp(0.5 * half, 0.55 * half);
    let luma = ChannelNoise {
        shape,
        levels: [typical, half, quarter],
        finest_ratio: finest_ratio(&sampled.luma[0], typical, &shape),
    };

    // JPEG coding empties the fine frequencies of chroma, so every level is measured by itself.
    let bound = 0.6 * expected;
    let half = level(&sampled.chroma[0], &shape).min(bound);
    let quarter = level(&sampled.chroma[1], &shape).min(bound);
    let eighth = level(&sampled.chroma[2], &shape).min(1.1 * quarter);
    let chroma = ChannelNoise {
        shape,
        levels: [half, quarter, eighth],
        finest_ratio: 1.0,
    };
    (luma, chroma)
}

/// Luma deviation in the middle tones that cameras of this decade show at an ISO speed, in code
/// values: shot noise grows with the square root of the gain.
fn expected_deviation(iso: u32) -> f64 {
    1.5 * (f64::from(iso.clamp(25, 102_400)) / 100.0).sqrt()
}

/// How much more than in the middle tones there can be at a brightness: the transfer curve is steep
/// in the dark.
fn steepness(brightness: f64) -> f64 {
    1.0 + 1.3 * (1.0 - brightness / 96.0).max(0.0).powf(1.3)
}

/// Deviation by brightness: that of the quiet blocks of each bin, bounded by what the ISO speed and
/// the quietest bins let expect, because a bin without a flat block takes its texture for noise.
fn curve(blocks: &[Block], expected: f64) -> [f64; BINS] {
    let mut bins: [Vec<f32>; BINS] = Default::default();
    for block in blocks {
        let bin = (block.brightness / 16.0) as usize;
        bins[bin.min(BINS - 1)].push(block.middle);
    }
    let mut measured = [None; BINS];
    for (blocks, measured) in bins.iter_mut().zip(&mut measured) {
        if blocks.len() >= MIN_BLOCKS {
            *measured = quantile(blocks, QUIET_SHARE).map(without_coding);
        }
    }
    // The last bin is clipped, not quiet.
    let mut flattened: Vec<f32> = measured[..BINS - 2]
        .iter()
        .enumerate()
        .filter_map(|(bin, deviation)| Some((deviation.as_ref()? / steepness(centre(bin))) as f32))
        .collect();
    let quietest = quantile(&mut flattened, 0.25).unwrap_or(expected);
    for (bin, measured) in measured.iter_mut().enumerate() {
        if let Some(deviation) = measured {
            let bound = expected.min(1.4 * quietest) * steepness(centre(bin));
            *deviation = deviation.min(bound);
        }
    }
    filled(&measured)
}

/// Brightness in the middle of a bin.
fn centre(bin: usize) -> f64 {
    bin as f64 * 16.0 + 8.0
}

/// Deviation of the quiet blocks, without what rounding and coding add.
fn without_coding(quiet: f64) -> f64 {
    let deviation = quiet / QUIET_CORRECTION;
    (deviation * deviation - CODING_DEVIATION * CODING_DEVIATION)
        .max(0.0)
        .sqrt()
}

/// Deviation of the quiet blocks of a level where the shape is 1.
fn level(blocks: &[Block], shape: &[f64; BINS]) -> f64 {
    let mut relative: Vec<f32> = blocks
        .iter()
        // What is clipped has no noise.
        .filter(|block| block.brightness < 230.0)
        .map(|block| block.middle / at(shape, f64::from(block.brightness)).max(0.05) as f32)
        .collect();
    if relative.len() < MIN_BLOCKS {
        return 0.0;
    }
    quantile(&mut relative, QUIET_SHARE).map_or(0.0, |quiet| quiet / QUIET_CORRECTION)
}

/// Finest against middle frequencies in blocks of mostly noise.
fn finest_ratio(blocks: &[Block], typical: f64, shape: &[f64; BINS]) -> f64 {
    let mut ratios: Vec<f32> = blocks
        .iter()
        .filter(|block| {
            let expected = typical * at(shape, f64::from(block.brightness));
            block.brightness < 230.0 && f64::from(block.middle) < 1.2 * expected
        })
        .filter(|block| block.middle > 0.2)
        .map(|block| block.finest / block.middle)
        .collect();
    if ratios.len() < MIN_BLOCKS {
        return 1.0;
    }
    // Blocks across the grid of JPEG coding keep more of the finest frequencies than the median.
    quantile(&mut ratios, 0.5).map_or(1.0, |ratio| (1.25 * ratio).clamp(0.3, 1.1))
}

/// Value between the centres of the bins, interpolated.
pub(super) fn at(bins: &[f64; BINS], brightness: f64) -> f64 {
    let position = (brightness / 16.0 - 0.5).clamp(0.0, (BINS - 1) as f64);
    let bin = (position as usize).min(BINS - 2);
    let part = position - bin as f64;
    bins[bin] * (1.0 - part) + bins[bin + 1] * part
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

/// The value below which this share of the values lies; `None` where there are none.
fn quantile(values: &mut [f32], share: f64) -> Option<f64> {
    let position = (values.len().checked_sub(1)? as f64 * share) as usize;
    let (_, value, _) = values.select_nth_unstable_by(position, f32::total_cmp);
    Some(f64::from(*value))
}

/// Looks at tiles spread evenly over the picture.
fn sample(picture: &Picture) -> Sampled {
    let columns = picture.width.saturating_sub(OFFSET) / TILE;
    let rows = picture.height.saturating_sub(OFFSET) / TILE;
    let tiles = columns * rows;
    let count = tiles.min(MAX_TILES);
    let found: Vec<Sampled> = (0..count)
        .into_par_iter()
        .with_min_len(8)
        .map(|index| {
            let tile = index * tiles / count;
            sample_tile(
                picture,
                tile % columns * TILE + OFFSET,
                tile / columns * TILE + OFFSET,
            )
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
            let [middle, finest] = deviations(lanes);
            blocks.push(Block {
                brightness: brightness / 64.0,
                middle,
                finest,
            });
        }
    }
}

/// Root mean squares of the coefficients in the middle and the finest frequencies. The lowest ones
/// hold the shading of surfaces and are left out.
fn deviations(mut block: [Lanes; 8]) -> [f32; 2] {
    forward(&mut block);
    let mut turned = [Lanes::default(); 8];
    for (row, lanes) in block.iter().enumerate() {
        for (column, value) in lanes.0.iter().enumerate() {
            turned[column].0[row] = *value;
        }
    }
    forward(&mut turned);
    let mut bands = [(0.0, 0.0_f32); 2];
    for (u, lanes) in turned.iter().enumerate() {
        for (v, value) in lanes.0.iter().enumerate() {
            let band = match u + v {
                3..=6 => 0,
                9.. => 1,
                _ => continue,
            };
            let orthonormal = value / (SCALE[u] * SCALE[v] * 8.0);
            bands[band].0 += orthonormal * orthonormal;
            bands[band].1 += 1.0;
        }
    }
    bands.map(|(energy, count)| (energy / count).sqrt())
}
