//! An exposure as squares of a few pixels: their mean light, what it would be if they lay a little off, and whether
//! anything in them is clipped.

use rayon::prelude::*;

use super::CELL;
use crate::local::fusion::radiance::{Decoder, Exposure, encoded, linear};

/// Encoded value from which a pixel may be clipped.
const CLIPPED: f32 = 0.95;
/// Encoded value below which nothing is told apart.
const BLACK: f32 = 0.03;

/// Side of a quarter of a cell, pixels: the most that a cell may lie off.
const HALF: usize = CELL / 2;

/// A picture in cells.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) width: usize,
    /// Mean light of each cell, with the sRGB curve, 0 to 1.
    means: Vec<[f32; 3]>,
    /// The least and the greatest mean of a cell that lies half a cell off.
    bounds: Vec<[[f32; 3]; 2]>,
    /// Share of the cell's pixels with a clipped channel.
    clipped: Vec<f32>,
}

/// What a cell may hold, channel by channel, if its picture lies a little off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) low: [f32; 3],
    pub(super) high: [f32; 3],
    /// Whether more light may have been there than the high bounds say.
    pub(super) open: bool,
}

/// Sums of linear light over some pixels, how many there are, and how many of them have a clipped channel.
type Sums = [f32; 5];

impl Cells {
    pub(super) fn of(exposure: &Exposure<'_>, decoder: &Decoder) -> Self {
        let picture = &exposure.picture;
        let (width, height) = (picture.width.div_ceil(CELL), picture.height.div_ceil(CELL));
        let limit = linear(CLIPPED);
        let quarters: Vec<Vec<Sums>> = (0..picture.height.div_ceil(HALF))
            .into_par_iter()
            .map(|row| {
                let mut sums = vec![[0.0_f32; 5]; picture.width.div_ceil(HALF)];
                let mut line = Vec::new();
                for y in row * HALF..((row + 1) * HALF).min(picture.height) {
                    decoder.row(picture, y, &mut line);
                    for (sum, pixels) in sums.iter_mut().zip(line.chunks(HALF)) {
                        for [red, green, blue] in pixels {
                            sum[0] += red;
                            sum[1] += green;
                            sum[2] += blue;
                            sum[3] += 1.0;
                            sum[4] += f32::from(u8::from(red.max(*green).max(*blue) > limit));
                        }
                    }
                }
                sums
            })
            .collect();
        let cells: Vec<_> = (0..width * height)
            .into_par_iter()
            .map(|index| cell(&quarters, index % width, index / width))
            .collect();
        let mut result = Self {
            width,
            means: Vec::with_capacity(cells.len()),
            bounds: Vec::with_capacity(cells.len()),
            clipped: Vec::with_capacity(cells.len()),
        };
        for (mean, bounds, clipped) in cells {
            result.means.push(mean);
            result.bounds.push(bounds);
            result.clipped.push(clipped);
        }
        result
    }

    pub(super) fn len(&self) -> usize {
        self.means.len()
    }

    pub(super) fn mean(&self, index: usize) -> [f32; 3] {
        self.means.get(index).copied().unwrap_or_default()
    }

    pub(super) fn clipped(&self, index: usize) -> f32 {
        self.clipped.get(index).copied().unwrap_or_default()
    }

    /// Whether the cell shows what is there: it is neither clipped nor black.
    pub(super) fn tells(&self, index: usize) -> bool {
        let mean = self.mean(index);
        self.clipped(index) < 0.25 && mean.iter().any(|value| *value > BLACK)
    }

    /// What a misalignment may bring into a cell: `off` 1 allows for half a cell, less for less.
    pub(super) fn around(&self, index: usize, off: f32) -> Bounds {
        let (width, height) = (self.width, self.len() / self.width.max(1));
        let (x, y) = (index % width, index / width);
        let own = self.mean(index);
        let [low, high] = self.bounds.get(index).copied().unwrap_or([own; 2]);
        let toward = |bound: [f32; 3]| {
            [0, 1, 2].map(|channel| own[channel] + (bound[channel] - own[channel]) * off)
        };
        let mut rows = y.saturating_sub(1)..=(y + 1).min(height.saturating_sub(1));
        Bounds {
            low: toward(low),
            high: toward(high),
            open: rows.any(|row| {
                (x.saturating_sub(1)..=(x + 1).min(width - 1))
                    .any(|column| self.clipped(row * width + column) > 0.0)
            }),
        }
    }
}

/// Mean, bounds and clipped share of a cell.
fn cell(quarters: &[Vec<Sums>], x: usize, y: usize) -> ([f32; 3], [[f32; 3]; 2], f32) {
    let at = |column: isize, row: isize| {
        let row = quarters.get(row.clamp(0, quarters.len() as isize - 1) as usize);
        row.and_then(|row| row.get(column.clamp(0, row.len() as isize - 1) as usize))
            .copied()
            .unwrap_or([0.0, 0.0, 0.0, 1.0, 0.0])
    };
    let (left, top) = ((2 * x) as isize, (2 * y) as isize);
    let mean = |right: isize, down: isize| {
        let mut sums = [0.0_f32; 5];
        for (column, row) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let quarter = at(left + right + column, top + down + row);
            for (sum, value) in sums.iter_mut().zip(quarter) {
                *sum += value;
            }
        }
        sums.map(|sum| sum / sums[3])
    };
    let own = mean(0, 0);
    let (mut low, mut high) = ([own[0], own[1], own[2]], [own[0], own[1], own[2]]);
    for down in -1..=1 {
        for right in -1..=1 {
            let near = mean(right, down);
            for channel in 0..3 {
                low[channel] = low[channel].min(near[channel]);
                high[channel] = high[channel].max(near[channel]);
            }
        }
    }
    let encode = |light: [f32; 3]| light.map(encoded);
    (
        encode([own[0], own[1], own[2]]),
        [encode(low), encode(high)],
        own[4],
    )
}
