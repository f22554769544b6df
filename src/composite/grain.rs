//! Grain: enlarged pixels are smooth where the photo beside them is not, and the eye finds the patch by
//! that. The photo's grain is measured next to the seam for each brightness, at full and at half size,
//! in its calmest blocks (the operator of Immerkær 1996, "Fast noise variance estimation"), and noise of
//! that strength and coarseness is added inside, less what the generated picture brings with it.

use rayon::prelude::*;

use super::grid::Grid;
use crate::imaging::{Picture, Samples};

/// Side of a measured block in pixels; its half-size copy has 8.
const BLOCK: usize = 16;
/// Most blocks that are measured.
const MAX_BLOCKS: usize = 3000;
/// Steps of brightness.
const BINS: usize = 8;
/// Fewer blocks than this say nothing about a brightness.
const MIN_BLOCKS: usize = 6;
/// The share of blocks that are taken to hold grain and no texture.
const QUIET_SHARE: f64 = 0.25;
/// Variance that rounding and coding leave in a clean picture, in squared code values.
const CODING_VARIANCE: f64 = 0.12;
/// Most grain that is added, as a deviation in code values: more than this is texture.
const MAX_DEVIATION: f64 = 5.0;

/// Deviations of the grain to add, for each luma code value: of single pixels, and of patches of three
/// by three.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grain {
    pub(super) fine: [f32; 256],
    pub(super) coarse: [f32; 256],
}

impl Grain {
    pub(super) const NONE: Self = Self {
        fine: [0.0; 256],
        coarse: [0.0; 256],
    };

    pub(super) fn is_none(&self) -> bool {
        (self.fine.iter().chain(&self.coarse)).all(|deviation| *deviation <= 0.0)
    }
}

/// One block: mean luma, variance of the operator's response at full and at half size.
#[derive(Clone, Copy, Debug)]
struct Block {
    luma: f64,
    full: f64,
    half: f64,
}

/// Measures the grain of the photo in blocks that are `beside` the seam (a grid over the photo), less
/// that of the generated picture `inside` it. `scale` says how many pixels of the photo one of the
/// generated picture covers: from two on its own grain is too coarse to count.
pub(super) fn measure(
    photo: &Picture,
    beside: &Grid<bool>,
    generated: &Grid<[f32; 4]>,
    inside: &Grid<bool>,
    scale: f64,
) -> Grain {
    let own = curve(&mut blocks(photo.width, photo.height, beside, |x, y| {
        luma_of(photo, x, y)
    }));
    let Some(own) = own else {
        return Grain::NONE;
    };
    let part = (2.0 - scale).clamp(0.0, 1.0);
    let brought = (part > 0.0)
        .then(|| {
            let (width, height) = (generated.width, generated.height);
            curve(&mut blocks(width, height, inside, |x, y| {
                let [red, green, blue, _] = generated.at(x, y);
                0.299 * red + 0.587 * green + 0.114 * blue
            }))
        })
        .flatten()
        .unwrap_or([[0.0; 2]; BINS]);
    let mut lacking = own;
    for (lacking, brought) in lacking.iter_mut().zip(brought) {
        for (lacking, brought) in lacking.iter_mut().zip(brought) {
            *lacking = (*lacking - part * brought).max(0.0);
        }
    }
    let mut grain = Grain::NONE;
    for code in 0..256_usize {
        let place = ((code as f64 + 0.5) / 256.0 * BINS as f64 - 0.5).clamp(0.0, (BINS - 1) as f64);
        let low = place as usize;
        let high = (low + 1).min(BINS - 1);
        let share = place - low as f64;
        let [full, half] = [0, 1]
            .map(|size| lacking[low][size] + (lacking[high][size] - lacking[low][size]) * share);
        let (fine, coarse) = parts(full, half);
        let bound = (MAX_DEVIATION / (fine + coarse).sqrt().max(1e-9)).min(1.0);
        grain.fine[code] = (fine.sqrt() * bound) as f32;
        grain.coarse[code] = (coarse.sqrt() * bound) as f32;
    }
    grain
}

/// Variances of white noise and of noise smoothed by the 3x3 binomial kernel that give these responses.
/// White noise of variance 1 answers with 1 at full and 1/4 at half size (four pixels' mean); smoothed
/// noise of variance 1 with 1/36 and 1/4.
fn parts(full: f64, half: f64) -> (f64, f64) {
    let coarse = ((4.0 * half - full) * (36.0 / 35.0)).clamp(0.0, 3.0 * full);
    ((full - coarse / 36.0).max(0.0), coarse)
}

fn luma_of(photo: &Picture, x: usize, y: usize) -> f32 {
    let at = (y * photo.width + x) * 3;
    let [red, green, blue] = match &photo.samples {
        Samples::Eight(samples) => [0, 1, 2].map(|channel| f32::from(samples[at + channel])),
        Samples::Sixteen(samples) => {
            [0, 1, 2].map(|channel| f32::from(samples[at + channel]) * (1.0 / 257.0))
        }
    };
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// Blocks whose middle is marked in `wanted`, evenly thinned.
fn blocks(
    width: usize,
    height: usize,
    wanted: &Grid<bool>,
    luma: impl Fn(usize, usize) -> f32 + Sync,
) -> Vec<Block> {
    let (across, down) = (width / BLOCK, height / BLOCK);
    let mut places = Vec::new();
    for row in 0..down {
        for column in 0..across {
            let middle = |index: usize, cells: usize, pixels: usize| {
                ((index * BLOCK + BLOCK / 2) * cells / pixels).min(cells - 1)
            };
            if wanted.at(
                middle(column, wanted.width, width),
                middle(row, wanted.height, height),
            ) {
                places.push((column * BLOCK, row * BLOCK));
            }
        }
    }
    let step = places.len().div_ceil(MAX_BLOCKS).max(1);
    (places.par_iter().step_by(step))
        .filter_map(|&(left, top)| {
            let mut full = [[0.0_f32; BLOCK]; BLOCK];
            for (y, row) in full.iter_mut().enumerate() {
                for (x, value) in row.iter_mut().enumerate() {
                    *value = luma(left + x, top + y);
                }
            }
            let mut half = [[0.0_f32; BLOCK / 2]; BLOCK / 2];
            for (y, row) in half.iter_mut().enumerate() {
                for (x, value) in row.iter_mut().enumerate() {
                    let (x, y) = (2 * x, 2 * y);
                    let sum = full[y][x] + full[y][x + 1] + full[y + 1][x] + full[y + 1][x + 1];
                    *value = 0.25 * sum;
                }
            }
            let sum: f32 = full.iter().flatten().sum();
            let luma = f64::from(sum) / (BLOCK * BLOCK) as f64;
            // What is clipped has no grain.
            (4.0..=250.0).contains(&luma).then(|| Block {
                luma,
                full: response(&full),
                half: response(&half),
            })
        })
        .collect()
}

/// Mean square of the operator's response, 1 for white noise of variance 1.
fn response<const N: usize>(block: &[[f32; N]; N]) -> f64 {
    let mut sum = 0.0_f64;
    for y in 1..N - 1 {
        for x in 1..N - 1 {
            let across = |row: &[f32; N]| row[x - 1] - 2.0 * row[x] + row[x + 1];
            let value = across(&block[y - 1]) - 2.0 * across(&block[y]) + across(&block[y + 1]);
            sum += f64::from(value * value);
        }
    }
    sum / (36 * (N - 2) * (N - 2)) as f64
}

/// Variances at full and half size for each step of brightness, of the calm blocks.
fn curve(blocks: &mut [Block]) -> Option<[[f64; 2]; BINS]> {
    let calm = |blocks: &mut [&Block]| -> Option<[f64; 2]> {
        if blocks.len() < MIN_BLOCKS {
            return None;
        }
        blocks.sort_by(|a, b| (a.full + 4.0 * a.half).total_cmp(&(b.full + 4.0 * b.half)));
        let count = ((blocks.len() as f64 * 2.0 * QUIET_SHARE) as usize).max(1);
        let sum = blocks.iter().take(count).fold([0.0; 2], |sum, block| {
            [sum[0] + block.full, sum[1] + block.half]
        });
        let [full, half] = sum.map(|sum| sum / count as f64);
        Some([
            (full - CODING_VARIANCE).max(0.0),
            (half - 0.25 * CODING_VARIANCE).max(0.0),
        ])
    };
    let all = calm(&mut blocks.iter().collect::<Vec<_>>())?;
    let mut found = [None; BINS];
    for (bin, found) in found.iter_mut().enumerate() {
        let range = bin as f64 * 256.0 / BINS as f64..(bin + 1) as f64 * 256.0 / BINS as f64;
        let mut inside: Vec<&Block> = (blocks.iter())
            .filter(|block| range.contains(&block.luma))
            .collect();
        // A brightness without a calm block must not take its texture for grain.
        *found =
            calm(&mut inside).map(|found| [found[0].min(2.5 * all[0]), found[1].min(2.5 * all[1])]);
    }
    let mut curve = [all; BINS];
    for (bin, value) in curve.iter_mut().enumerate() {
        let nearest = (0..BINS)
            .filter(|other| found[*other].is_some())
            .min_by_key(|other| other.abs_diff(bin))
            .and_then(|other| found[other]);
        *value = nearest.unwrap_or(all);
    }
    Some(curve)
}

/// A value of mean 0 and variance 1, close to a normal one, that depends on the place alone.
#[inline(always)]
pub(super) fn white(x: u32, y: u32) -> f32 {
    // Mixing after Chris Wellons' "prospector" search: a bijection of 32 bits.
    let mut bits = x
        .wrapping_mul(0x9e37_79b1)
        .wrapping_add(y.wrapping_mul(0x85eb_ca77));
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x7feb_352d);
    bits ^= bits >> 15;
    bits = bits.wrapping_mul(0x846c_a68b);
    bits ^= bits >> 16;
    let sum = (bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24);
    // Four bytes: mean 510, variance 4 * (256^2 - 1) / 12.
    (sum as i32 - 510) as f32 * (1.0 / 147.800_5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_give_noise_of_variance_one() {
        let (mut sum, mut square, mut beside) = (0.0, 0.0, 0.0);
        for y in 0..200 {
            for x in 0..200 {
                let value = f64::from(white(x, y));
                sum += value;
                square += value * value;
                beside += value * f64::from(white(x + 1, y));
            }
        }
        assert!((sum / 40_000.0).abs() < 0.02, "{sum}");
        assert!((square / 40_000.0 - 1.0).abs() < 0.03, "{square}");
        assert!((beside / 40_000.0).abs() < 0.02, "{beside}");
    }

    #[test]
    fn the_grain_that_was_added_is_measured() {
        for deviation in [1.5_f32, 3.0] {
            let samples = (0..256 * 256_u32)
                .flat_map(|index| {
                    let value = 120.0 + deviation * white(index % 256, index / 256);
                    [value.round() as u8; 3]
                })
                .collect();
            let photo = Picture::from_eight(256, 256, samples).unwrap();
            let everywhere = Grid::filled(32, 32, true);
            let smooth = Grid::filled(32, 32, [120.0_f32; 4]);
            let grain = measure(&photo, &everywhere, &smooth, &everywhere, 8.0);
            let (fine, coarse) = (grain.fine[120], grain.coarse[120]);
            assert!((fine / deviation - 1.0).abs() < 0.12, "{deviation}: {fine}");
            assert!(coarse < 0.4 * deviation, "{deviation}: {coarse}");
        }
    }
}
