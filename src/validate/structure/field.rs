//! What both pictures are turned into before the gates look at them: planes of luma of the same
//! brightness, which pixels may be judged, and sums over a fine grid of cells from which any tile is
//! put together in constant time.

use rayon::prelude::*;

use crate::imaging::{Picture, Plane, Samples, vectorized};

/// Cells along each side. A tile of the gates is a square of cells.
pub(super) const CELLS: usize = 48;

/// A value for each pixel, rows from the top.
#[derive(Clone, Debug)]
pub(super) struct Grey {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

impl Grey {
    pub(super) fn row(&self, y: usize) -> &[f32] {
        self.values
            .get(y * self.width..(y + 1) * self.width)
            .unwrap_or(&[])
    }

    pub(super) fn at(&self, x: usize, y: usize) -> f32 {
        self.row(y).get(x).copied().unwrap_or(0.0)
    }
}

/// 8-bit samples of a picture.
pub(in crate::validate) fn eight(picture: &Picture) -> std::borrow::Cow<'_, [u8]> {
    match &picture.samples {
        Samples::Eight(samples) => samples.into(),
        Samples::Sixteen(samples) => samples
            .iter()
            .map(|&sample| u8::try_from((u32::from(sample) + 128) / 257).unwrap_or(u8::MAX))
            .collect::<Vec<u8>>()
            .into(),
    }
}

/// Which pixels may be judged: 1 outside the mask and its margin, else 0, at `width` by `height`.
pub(super) fn visible(mask: &Plane, width: usize, height: usize, margin: usize) -> Grey {
    // A pixel is covered as soon as any sample of the mask that falls onto it is set; a mask that is
    // smaller than the picture covers every pixel that its samples reach.
    let mut covered = vec![0_u8; width * height];
    let span = |at: usize, from: usize, to: usize| {
        let first = at * from / to;
        let last = ((at + 1) * from).div_ceil(to).max(first + 1).min(from);
        first..last
    };
    covered
        .par_chunks_mut(width)
        .enumerate()
        .for_each(|(y, row)| {
            let mut line = vec![0_u8; mask.width];
            for source in span(y, mask.height, height) {
                let samples = mask
                    .samples
                    .get(source * mask.width..(source + 1) * mask.width)
                    .unwrap_or(&[]);
                for (target, &sample) in line.iter_mut().zip(samples) {
                    *target |= sample;
                }
            }
            for (x, target) in row.iter_mut().enumerate() {
                let any = line.get(span(x, mask.width, width)).unwrap_or(&[]);
                *target = u8::from(any.iter().any(|&sample| sample > 0));
            }
        });
    grow_rows(&mut covered, width, margin);
    let values = grow_columns(&covered, width, height, margin);
    Grey {
        width,
        height,
        values,
    }
}

fn grow_rows(covered: &mut [u8], width: usize, margin: usize) {
    covered.par_chunks_mut(width).for_each(|row| {
        let mut reach = 0;
        for value in row.iter_mut() {
            if *value == 1 {
                reach = margin + 1;
            }
            if reach > 0 {
                reach -= 1;
                // 2 marks what was reached, so that it does not reach farther itself.
                *value |= 2;
            }
        }
        let mut reach = 0;
        for value in row.iter_mut().rev() {
            if *value & 1 == 1 {
                reach = margin + 1;
            }
            if reach > 0 {
                reach -= 1;
                *value |= 2;
            }
        }
    });
}

/// 1 where no covered pixel lies within `margin` rows, else 0.
fn grow_columns(covered: &[u8], width: usize, height: usize, margin: usize) -> Vec<f32> {
    let mut values = vec![1.0_f32; width * height];
    let far = i32::MAX / 2;
    let mut since = vec![far; width];
    let pass = |values: &mut [f32], y: usize, since: &mut [i32]| {
        let rows = y * width..(y + 1) * width;
        let (Some(row), Some(target)) = (covered.get(rows.clone()), values.get_mut(rows)) else {
            return;
        };
        let margin = i32::try_from(margin).unwrap_or(far);
        for ((since, &value), target) in since.iter_mut().zip(row).zip(target) {
            *since = if value > 0 {
                0
            } else {
                since.saturating_add(1)
            };
            if *since <= margin {
                *target = 0.0;
            }
        }
    };
    for y in 0..height {
        pass(&mut values, y, &mut since);
    }
    since.fill(far);
    for y in (0..height).rev() {
        pass(&mut values, y, &mut since);
    }
    values
}

/// Separable Gaussian blur of standard deviation 1.2 pixels, edges repeated.
pub(super) fn blur(grey: &Grey) -> Grey {
    const RADIUS: usize = 4;
    let mut kernel = [0.0_f32; RADIUS + 1];
    for (distance, weight) in kernel.iter_mut().enumerate() {
        *weight = (-0.5 * (distance as f32 / 1.2).powi(2)).exp();
    }
    let total = kernel
        .iter()
        .skip(1)
        .fold(kernel[0], |sum, w| sum + 2.0 * w);
    for weight in &mut kernel {
        *weight /= total;
    }
    let (width, height) = (grey.width, grey.height);
    let mut values = vec![0.0_f32; width * height];
    values.par_chunks_mut(width).enumerate().for_each_init(
        || vec![0.0_f32; width + 2 * RADIUS],
        |padded, (y, target)| {
            let clamped = |offset: usize| {
                let row = (y + offset).saturating_sub(RADIUS).min(height - 1);
                grey.row(row)
            };
            let rows: [&[f32]; 2 * RADIUS + 1] = std::array::from_fn(clamped);
            vectorized(
                #[inline(always)]
                || {
                    let Some(middle) = padded.get_mut(RADIUS..RADIUS + width) else {
                        return;
                    };
                    for (value, &sample) in middle.iter_mut().zip(rows[RADIUS]) {
                        *value = sample * kernel[0];
                    }
                    for distance in 1..=RADIUS {
                        let weight = kernel[distance];
                        let above = rows[RADIUS - distance];
                        let below = rows[RADIUS + distance];
                        for ((value, &a), &b) in middle.iter_mut().zip(above).zip(below) {
                            *value += weight * (a + b);
                        }
                    }
                    let first = padded[RADIUS];
                    let last = padded[RADIUS + width - 1];
                    padded[..RADIUS].fill(first);
                    padded[RADIUS + width..].fill(last);
                    for (value, &sample) in target.iter_mut().zip(&padded[RADIUS..]) {
                        *value = sample * kernel[0];
                    }
                    for distance in 1..=RADIUS {
                        let weight = kernel[distance];
                        let left = &padded[RADIUS - distance..];
                        let right = &padded[RADIUS + distance..];
                        for ((value, &a), &b) in target.iter_mut().zip(left).zip(right) {
                            *value += weight * (a + b);
                        }
                    }
                },
            );
        },
    );
    Grey {
        width,
        height,
        values,
    }
}

/// Half the size, each pixel the mean of four; an odd last row or column is dropped.
pub(super) fn halve(grey: &Grey) -> Grey {
    let (width, height) = ((grey.width / 2).max(1), (grey.height / 2).max(1));
    let mut values = vec![0.0_f32; width * height];
    values
        .par_chunks_mut(width)
        .enumerate()
        .for_each(|(y, target)| {
            let above = grey.row(2 * y).chunks(2);
            let below = grey.row((2 * y + 1).min(grey.height - 1)).chunks(2);
            for ((value, a), b) in target.iter_mut().zip(above).zip(below) {
                let sum: f32 = a.iter().chain(b).sum();
                *value = sum / (a.len() + b.len()) as f32;
            }
        });
    Grey {
        width,
        height,
        values,
    }
}

/// Sums of `K` quantities over each cell of the grid, as prefix sums.
#[derive(Clone, Debug)]
pub(super) struct Sums<const K: usize> {
    prefix: Vec<[f64; K]>,
}

impl<const K: usize> Sums<K> {
    /// Gathers the sums; `gather(row of cells, rows of pixels, sums of its cells)` adds up one row of cells.
    pub(super) fn gather(
        height: usize,
        gather: impl Fn(std::ops::Range<usize>, &mut [[f64; K]; CELLS]) + Sync,
    ) -> Self {
        let mut cells = vec![[[0.0; K]; CELLS]; CELLS];
        cells.par_iter_mut().enumerate().for_each(|(row, sums)| {
            gather(row * height / CELLS..(row + 1) * height / CELLS, sums);
        });
        let side = CELLS + 1;
        let mut prefix = vec![[0.0; K]; side * side];
        for (row, sums) in cells.iter().enumerate() {
            let mut line = [0.0; K];
            for (column, sum) in sums.iter().enumerate() {
                for quantity in 0..K {
                    line[quantity] += sum[quantity];
                    prefix[(row + 1) * side + column + 1][quantity] =
                        prefix[row * side + column + 1][quantity] + line[quantity];
                }
            }
        }
        Self { prefix }
    }

    /// The sums over a tile.
    pub(super) fn over(&self, tile: Tile) -> [f64; K] {
        let side = CELLS + 1;
        let (right, bottom) = (tile.column + tile.cells, tile.row + tile.cells);
        let at = |row: usize, column: usize| &self.prefix[row * side + column];
        std::array::from_fn(|quantity| {
            at(bottom, right)[quantity]
                - at(tile.row, right)[quantity]
                - at(bottom, tile.column)[quantity]
                + at(tile.row, tile.column)[quantity]
        })
    }
}

/// A square of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) column: usize,
    pub(super) row: usize,
    pub(super) cells: usize,
}

impl Tile {
    /// Every tile of `cells` by `cells` cells, in steps of `step` cells.
    pub(super) fn all(cells: usize, step: usize) -> impl Iterator<Item = Self> {
        let starts = move || (0..=CELLS - cells).step_by(step);
        starts().flat_map(move |row| starts().map(move |column| Self { column, row, cells }))
    }
}

/// The pixels of each column of cells.
pub(super) fn columns(width: usize) -> [std::ops::Range<usize>; CELLS] {
    std::array::from_fn(|cell| cell * width / CELLS..(cell + 1) * width / CELLS)
}
