//! An exposure as squares of a few pixels: their mean light and whether anything in them is clipped.

use rayon::prelude::*;

use super::CELL;
use crate::local::fusion::radiance::{Decoder, Exposure, encoded, linear};

/// Encoded value from which a pixel may be clipped.
const CLIPPED: f32 = 0.95;
/// Encoded value below which nothing is told apart.
const BLACK: f32 = 0.03;

/// The part of a neighbouring cell that a misalignment may bring into a cell.
const MISALIGNED: f32 = 0.5;

/// A picture in cells.
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) width: usize,
    /// Mean light of each cell, with the sRGB curve, 0 to 1.
    means: Vec<[f32; 3]>,
    /// Share of the cell's pixels with a clipped channel.
    clipped: Vec<f32>,
}

/// What a cell and its neighbours hold, channel by channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) low: [f32; 3],
    pub(super) high: [f32; 3],
    /// Whether more light may have been there than the high bounds say.
    pub(super) open: bool,
}

impl Cells {
    pub(super) fn of(exposure: &Exposure<'_>, decoder: &Decoder) -> Self {
        let picture = &exposure.picture;
        let (width, height) = (picture.width.div_ceil(CELL), picture.height.div_ceil(CELL));
        let limit = linear(CLIPPED);
        let rows: Vec<Vec<([f32; 3], f32)>> = (0..height)
            .into_par_iter()
            .map(|row| {
                let mut sums = vec![[0.0_f32; 5]; width];
                let mut line = Vec::new();
                for y in row * CELL..((row + 1) * CELL).min(picture.height) {
                    decoder.row(picture, y, &mut line);
                    for (sum, pixels) in sums.iter_mut().zip(line.chunks(CELL)) {
                        for [red, green, blue] in pixels {
                            sum[0] += red;
                            sum[1] += green;
                            sum[2] += blue;
                            sum[3] += 1.0;
                            sum[4] += f32::from(u8::from(red.max(*green).max(*blue) > limit));
                        }
                    }
                }
                let mean = |[red, green, blue, count, clipped]: [f32; 5]| {
                    let mean = [red, green, blue].map(|sum| encoded(sum / count));
                    (mean, clipped / count)
                };
                sums.into_iter().map(mean).collect()
            })
            .collect();
        let (means, clipped) = rows.into_iter().flatten().unzip();
        Self {
            width,
            means,
            clipped,
        }
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

    /// The bounds of what a misalignment of two pixels at most may bring into a cell from the 3 x 3 cells round it.
    pub(super) fn around(&self, index: usize) -> Bounds {
        let (width, height) = (self.width, self.len() / self.width.max(1));
        let (x, y) = (index % width, index / width);
        let mut bounds = Bounds {
            low: [1.0; 3],
            high: [0.0; 3],
            open: false,
        };
        for row in y.saturating_sub(1)..=(y + 1).min(height.saturating_sub(1)) {
            for column in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                let near = row * width + column;
                for (channel, value) in self.mean(near).into_iter().enumerate() {
                    bounds.low[channel] = bounds.low[channel].min(value);
                    bounds.high[channel] = bounds.high[channel].max(value);
                }
                bounds.open |= self.clipped(near) > 0.0;
            }
        }
        let own = self.mean(index);
        for (channel, own) in own.into_iter().enumerate() {
            bounds.low[channel] = own + (bounds.low[channel] - own) * MISALIGNED;
            bounds.high[channel] = own + (bounds.high[channel] - own) * MISALIGNED;
        }
        bounds
    }
}
