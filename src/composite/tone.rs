//! Exposure and white balance of the generated picture, matched to the photo. Outside the mask both show
//! the same room, so the ratio of their light there says what the worker's picture lacks: one gain for
//! each channel from the pixels beside the mask, and a smooth correction that follows what is left along
//! the seam and is carried into the mask by pull-push interpolation (Gortler et al. 1996, "The
//! Lumigraph", section 3.6), which behaves like a membrane held at its rim.

use rayon::prelude::*;

use super::grid::{Grid, axis, box_counts, box_sums, largest, mix};
use super::mask::Layers;
use crate::imaging::color::{quick_linear_to_srgb, quick_srgb_to_linear, srgb_to_linear};
use crate::imaging::vectorized;

/// Side of a cell of the smooth correction, in pixels of the generated picture.
const CELL: usize = 8;
/// Cells this near to the mask count for the gains.
const NEAR_CELLS: usize = 4;
/// Fewer pixels than this beside the mask say nothing; then the whole frame is asked.
const MIN_PIXELS: u32 = 256;
/// Darker and brighter samples are left out: noise and clipping bend their ratio.
const CODES: std::ops::RangeInclusive<u8> = 20..=245;
/// Steps between neighbours, in code values, beyond which a pixel shows an edge.
const MAX_STEP: u8 = 16;
/// Most that exposure is changed, in EV.
const MAX_EXPOSURE: f32 = 1.0;
/// Most that red and blue are changed against green, in EV.
const MAX_BALANCE: f32 = 0.5;
/// Most of the smooth correction, in EV.
const MAX_SMOOTH: f32 = 0.25;
/// Ratios farther than this from the common one, in EV, show that something else is seen there.
const AGREEMENT: f32 = 0.35;

/// A generated picture that matches its photo.
#[derive(Debug)]
pub(super) struct Matched {
    /// Red, green, blue as code values 0 to 255 with a fraction; the fourth value is unused.
    pub(super) picture: Grid<[f32; 4]>,
    /// The common factors on linear light.
    pub(super) gains: [f64; 3],
}

/// Matches `generated` to `reference`: rows of 8-bit pixels of the size of `layers`.
pub(super) fn match_tone(generated: &[u8], reference: &[u8], layers: &Layers) -> Matched {
    let (width, height) = (layers.hard.width, layers.hard.height);
    let stops = stops();
    let open = open(layers);
    let usable = usable(generated, reference, &open);
    let near = near(&open);
    let mut gains = common(generated, reference, &usable, Some(&near), &stops);
    if gains.is_none() {
        gains = common(generated, reference, &usable, None, &stops);
    }
    let gains = gains.unwrap_or([0.0; 3]);
    let smooth = smooth(generated, reference, &usable, gains, &stops);

    let columns = axis(smooth.width, width);
    let rows = axis(smooth.height, height);
    let mut picture = Grid::filled(width, height, [0.0; 4]);
    (picture.cells.par_chunks_exact_mut(width))
        .zip(generated.par_chunks_exact(width * 3))
        .zip(rows)
        .for_each_init(
            Vec::new,
            |factors: &mut Vec<[f32; 3]>, ((target, source), row)| {
                factors.clear();
                factors.extend((smooth.row(row.low).iter()).zip(smooth.row(row.high)).map(
                    |(low, high)| {
                        [0, 1, 2].map(|channel| mix(low[channel], high[channel], row.share))
                    },
                ));
                vectorized(
                    #[inline(always)]
                    || {
                        for ((target, source), column) in target
                            .iter_mut()
                            .zip(source.as_chunks::<3>().0)
                            .zip(&columns)
                        {
                            let (low, high) = (factors[column.low], factors[column.high]);
                            for channel in 0..3 {
                                let factor = mix(low[channel], high[channel], column.share);
                                let linear = quick_srgb_to_linear(
                                    f32::from(source[channel]) * (1.0 / 255.0),
                                );
                                target[channel] = 255.0 * quick_linear_to_srgb(linear * factor);
                            }
                        }
                    },
                );
            },
        );
    Matched {
        picture,
        gains: gains.map(|gain| f64::from(gain).exp2()),
    }
}

/// Linear light of each code value, in EV.
fn stops() -> [f32; 256] {
    let mut stops = [0.0; 256];
    for (code, stop) in stops.iter_mut().enumerate() {
        *stop = srgb_to_linear(code as f64 / 255.0).max(1e-4).log2() as f32;
    }
    stops
}

/// Pixels that the mask leaves alone, with some distance.
fn open(layers: &Layers) -> Grid<bool> {
    let mut masked = Grid::filled(layers.hard.width, layers.hard.height, false);
    (masked.cells.par_iter_mut())
        .with_min_len(4096)
        .zip(&layers.hard.cells)
        .zip(&layers.soft.cells)
        .for_each(|((masked, &hard), &soft)| *masked = hard > 0.0 || soft > 0.0);
    let mut open = largest(&masked, 2);
    for open in &mut open.cells {
        *open = !*open;
    }
    open
}

/// Open pixels of middle brightness away from edges, where a ratio means something.
fn usable(generated: &[u8], reference: &[u8], open: &Grid<bool>) -> Grid<bool> {
    let (width, height) = (open.width, open.height);
    let mut usable = open.clone();
    (usable.cells.par_chunks_exact_mut(width))
        .enumerate()
        .for_each(|(y, usable)| {
            let row = |y: usize| y * width * 3..(y + 1) * width * 3;
            let below = (y + 1).min(height - 1);
            let own = reference[row(y)].as_chunks::<3>().0;
            let other = generated[row(y)].as_chunks::<3>().0;
            let under = reference[row(below)].as_chunks::<3>().0;
            for (x, usable) in usable.iter_mut().enumerate() {
                let right = own[(x + 1).min(width - 1)];
                *usable = *usable
                    && own[x].iter().all(|code| CODES.contains(code))
                    && other[x].iter().all(|code| CODES.contains(code))
                    && own[x][1].abs_diff(right[1]) <= MAX_STEP
                    && own[x][1].abs_diff(under[x][1]) <= MAX_STEP;
            }
        });
    usable
}

/// Cells beside the mask.
fn near(open: &Grid<bool>) -> Grid<bool> {
    let (across, down) = (open.width.div_ceil(CELL), open.height.div_ceil(CELL));
    let mut masked = Grid::filled(across, down, false);
    for (y, row) in open.cells.chunks_exact(open.width).enumerate() {
        for (x, row) in row.chunks(CELL).enumerate() {
            masked.cells[y / CELL * across + x] |= row.contains(&false);
        }
    }
    largest(&masked, NEAR_CELLS)
}

/// What the channels lack in common, in EV, bounded; `None` where too few pixels tell.
fn common(
    generated: &[u8],
    reference: &[u8],
    usable: &Grid<bool>,
    near: Option<&Grid<bool>>,
    stops: &[f32; 256],
) -> Option<[f32; 3]> {
    const BINS: usize = 512;
    const PER_STOP: f32 = 64.0;
    let width = usable.width;
    let none = || vec![[0_u32; BINS]; 3];
    let counts = (usable.cells.par_chunks_exact(width))
        .enumerate()
        .with_min_len(32)
        .fold(none, |mut counts, (y, row)| {
            for (x, _) in row.iter().enumerate().filter(|(_, usable)| **usable) {
                if near.is_some_and(|near| !near.at(x / CELL, y / CELL)) {
                    continue;
                }
                for (channel, counts) in counts.iter_mut().enumerate() {
                    let index = (y * width + x) * 3 + channel;
                    let ratio =
                        stops[usize::from(reference[index])] - stops[usize::from(generated[index])];
                    let bin = ratio * PER_STOP + (BINS / 2) as f32;
                    counts[(bin.max(0.0) as usize).min(BINS - 1)] += 1;
                }
            }
            counts
        })
        .reduce(none, |mut counts, others| {
            for (counts, others) in counts.iter_mut().zip(others) {
                for (count, other) in counts.iter_mut().zip(others) {
                    *count += other;
                }
            }
            counts
        });
    let total: u32 = counts[0].iter().sum();
    if total < MIN_PIXELS {
        return None;
    }
    let mut gains = [0.0; 3];
    for (gain, counts) in gains.iter_mut().zip(&counts) {
        let mut below = 0;
        let middle = counts.iter().position(|count| {
            below += count;
            below * 2 >= total
        })?;
        // The mean of what lies near the median is finer than the bins.
        let reach = (AGREEMENT * PER_STOP) as usize;
        let (mut sum, mut weight) = (0.0, 0.0);
        let first = middle.saturating_sub(reach);
        for (bin, &count) in counts
            .iter()
            .enumerate()
            .take(middle + reach + 1)
            .skip(first)
        {
            sum += f64::from(count) * (bin as f64 + 0.5 - (BINS / 2) as f64);
            weight += f64::from(count);
        }
        *gain = (sum / weight) as f32 / PER_STOP;
    }
    let exposure = gains[1].clamp(-MAX_EXPOSURE, MAX_EXPOSURE);
    Some(gains.map(|gain| exposure + (gain - gains[1]).clamp(-MAX_BALANCE, MAX_BALANCE)))
}

/// The factors of cells, the common gains included.
fn smooth(
    generated: &[u8],
    reference: &[u8],
    usable: &Grid<bool>,
    gains: [f32; 3],
    stops: &[f32; 256],
) -> Grid<[f32; 3]> {
    let (width, height) = (usable.width, usable.height);
    let (across, down) = (width.div_ceil(CELL), height.div_ceil(CELL));
    // The mean left over in each cell, and how far it can be trusted.
    let mut left: Grid<[f32; 4]> = Grid::filled(across, down, [0.0; 4]);
    (left.cells.par_chunks_exact_mut(across))
        .enumerate()
        .for_each(|(row, cells)| {
            for (column, cell) in cells.iter_mut().enumerate() {
                let (mut sums, mut agreeing, mut all) = ([0.0_f32; 3], 0_u32, 0_u32);
                for y in row * CELL..((row + 1) * CELL).min(height) {
                    for x in column * CELL..((column + 1) * CELL).min(width) {
                        if !usable.at(x, y) {
                            continue;
                        }
                        let index = (y * width + x) * 3;
                        let ratio = [0, 1, 2].map(|channel| {
                            stops[usize::from(reference[index + channel])]
                                - stops[usize::from(generated[index + channel])]
                                - gains[channel]
                        });
                        all += 1;
                        if ratio.iter().all(|ratio| ratio.abs() < AGREEMENT) {
                            agreeing += 1;
                            for (sum, ratio) in sums.iter_mut().zip(ratio) {
                                *sum += ratio;
                            }
                        }
                    }
                }
                if agreeing >= 8 && agreeing * 2 >= all {
                    let count = agreeing as f32;
                    let [red, green, blue] =
                        sums.map(|sum| (sum / count).clamp(-MAX_SMOOTH, MAX_SMOOTH));
                    *cell = [red, green, blue, count / (CELL * CELL) as f32];
                }
            }
        });
    let filled = pull_push(left);
    // Noise of single cells must not show.
    let [red, green, blue] = [0, 1, 2].map(|channel| {
        let plane = Grid {
            width: across,
            height: down,
            cells: filled.cells.iter().map(|cell| cell[channel]).collect(),
        };
        box_sums(&plane, 1)
    });
    let (columns, rows) = (box_counts(across, 1), box_counts(down, 1));
    let mut factors = Grid::filled(across, down, [1.0; 3]);
    for (index, factor) in factors.cells.iter_mut().enumerate() {
        let sums = [red.cells[index], green.cells[index], blue.cells[index]];
        let count = columns[index % across] * rows[index / across];
        *factor = [0, 1, 2].map(|channel| (gains[channel] + sums[channel] / count).exp2());
    }
    factors
}

/// Fills cells of little weight (the fourth value) from ever coarser means of the others.
fn pull_push(grid: Grid<[f32; 4]>) -> Grid<[f32; 4]> {
    if grid.width == 1 && grid.height == 1 {
        return grid;
    }
    let (width, height) = (grid.width.div_ceil(2), grid.height.div_ceil(2));
    let mut coarse = Grid::filled(width, height, [0.0; 4]);
    for (y, row) in grid.cells.chunks_exact(grid.width).enumerate() {
        for (x, cell) in row.iter().enumerate() {
            let target = &mut coarse.cells[y / 2 * width + x / 2];
            for channel in 0..3 {
                target[channel] += cell[channel] * cell[3];
            }
            target[3] += cell[3];
        }
    }
    for cell in &mut coarse.cells {
        let weight = cell[3].max(1e-6);
        *cell = [
            cell[0] / weight,
            cell[1] / weight,
            cell[2] / weight,
            cell[3].min(1.0),
        ];
    }
    let coarse = pull_push(coarse);
    let (columns, rows) = (axis(width, grid.width), axis(height, grid.height));
    let mut filled = grid;
    for (y, row) in rows.iter().enumerate() {
        for (x, column) in columns.iter().enumerate() {
            let corner = |x: usize, y: usize| coarse.at(x, y);
            let cell = &mut filled.cells[y * columns.len() + x];
            for channel in 0..3 {
                let blend = |y: usize| {
                    mix(
                        corner(column.low, y)[channel],
                        corner(column.high, y)[channel],
                        column.share,
                    )
                };
                let around = mix(blend(row.low), blend(row.high), row.share);
                cell[channel] = mix(around, cell[channel], cell[3].min(1.0));
            }
            cell[3] = 1.0;
        }
    }
    filled
}
