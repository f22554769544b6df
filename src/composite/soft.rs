//! Shadows and reflections of what was added, for the soft band around it. Only the ratio of light that
//! the generated picture has to the photo at the worker's size is taken, averaged over a neighbourhood
//! and never across an edge of the photo, from the furniture or from a protected surface. The photo's
//! own pixels are multiplied by it, so that nothing can be drawn and every texture stays.

use rayon::prelude::*;

use super::enlarged;
use super::grid::{Grid, axis, largest};
use super::mask::Layers;
use crate::domain::compositing::CompositeSettings;
use crate::imaging::color::{luminance, quick_srgb_to_linear};

/// Pictures with a longer side than this are averaged at half their size.
const HALVED_FROM: usize = 640;
/// Reach of the average in cells.
const RADIUS: usize = 3;
/// Deviation of its weights in cells.
const REACH: f32 = 1.8;
/// How far beside the band ratios are needed, in cells.
const BESIDE: usize = 2;
/// Difference of brightness, in EV, at which a neighbour has a quarter of its weight.
const EDGE: f32 = 0.25;
/// Most that red, green or blue may change against brightness, in EV.
const MAX_TINT: f32 = 0.3;
/// How much more for each EV that is darkened: a shadow loses the colour of the light it keeps off.
const TINT_OF_SHADOW: f32 = 0.25;
/// Light that keeps ratios of black finite.
const VEIL: f32 = 0.003;
/// Weight of the mask at which the whole ratio is applied.
const FULL_WEIGHT: f32 = 0.375;

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// Weighted sums of linear light.
    generated: [f32; 3],
    reference: [f32; 3],
    weight: f32,
    /// Brightness of the photo in EV.
    brightness: f32,
}

/// Ratios of light in EV for the cells of a grid.
#[derive(Debug)]
pub(super) struct SoftRatio {
    ratios: Grid<[f32; 3]>,
    brightness: Grid<f32>,
    /// Brightness of the photo in EV for the pixels of the generated picture in and beside the band.
    finest: Grid<f32>,
}

/// Measures the ratios around the soft band; `None` where there is none.
pub(super) fn measure(
    generated: &Grid<[f32; 4]>,
    reference: &[u8],
    layers: &Layers,
    settings: &CompositeSettings,
) -> Option<SoftRatio> {
    if layers.soft.cells.iter().all(|soft| *soft <= 0.0) {
        return None;
    }
    let (width, height) = (generated.width, generated.height);
    let side = if width.max(height) >= HALVED_FROM {
        2
    } else {
        1
    };
    let (across, down) = (width.div_ceil(side), height.div_ceil(side));
    // What is mixed with furniture at its edge says nothing about the floor.
    let furniture = largest(&layers.hard, 1);
    let mut banded = Grid::filled(across, down, false);
    (banded.cells.par_chunks_exact_mut(across))
        .zip(layers.soft.cells.par_chunks(width * side))
        .for_each(|(banded, soft)| {
            for row in soft.chunks_exact(width) {
                for (banded, soft) in banded.iter_mut().zip(row.chunks(side)) {
                    *banded |= soft.iter().any(|soft| *soft > 0.0);
                }
            }
        });
    // Pixels between two cells take from both, and the feather reaches under the furniture.
    let wanted = largest(&banded, BESIDE);
    let looked_at = largest(&wanted, RADIUS);
    let mut cells = Grid::filled(across, down, Cell::default());
    (cells.cells.par_chunks_exact_mut(across))
        .enumerate()
        .for_each(|(row, cells)| {
            for (column, cell) in cells.iter_mut().enumerate() {
                if !looked_at.at(column, row) {
                    continue;
                }
                let (mut light, mut count) = ([0.0; 3], 0.0);
                for y in row * side..((row + 1) * side).min(height) {
                    for x in column * side..((column + 1) * side).min(width) {
                        let index = y * width + x;
                        let own = linear([0, 1, 2].map(|channel| reference[index * 3 + channel]));
                        for (sum, own) in light.iter_mut().zip(own) {
                            *sum += own;
                        }
                        count += 1.0;
                        if furniture.cells[index] > 0.0 || layers.protected.cells[index] {
                            continue;
                        }
                        let new = generated.cells[index];
                        for channel in 0..3 {
                            cell.generated[channel] +=
                                quick_srgb_to_linear(new[channel] * (1.0 / 255.0));
                            cell.reference[channel] += own[channel];
                        }
                        cell.weight += 1.0;
                    }
                }
                cell.brightness = (luminance(light) / count + VEIL).log2();
            }
        });
    let mut ratios = Grid::filled(across, down, None);
    (ratios.cells.par_chunks_exact_mut(across))
        .enumerate()
        .for_each(|(row, ratios)| {
            for (column, ratio) in ratios.iter_mut().enumerate() {
                if wanted.at(column, row) {
                    *ratio = average(&cells, column, row, settings);
                }
            }
        });
    let mut finest = Grid::filled(width, height, 0.0);
    (finest.cells.par_chunks_exact_mut(width))
        .zip(reference.par_chunks_exact(width * 3))
        .enumerate()
        .for_each(|(y, (finest, reference))| {
            let wanted = wanted.row(y / side);
            for ((x, finest), pixel) in finest.iter_mut().enumerate().zip(reference.as_chunks().0) {
                if wanted[x / side] {
                    *finest = (luminance(linear(*pixel)) + VEIL).log2();
                }
            }
        });
    Some(SoftRatio {
        ratios: spread(ratios, &wanted),
        brightness: Grid {
            width: across,
            height: down,
            cells: cells.cells.iter().map(|cell| cell.brightness).collect(),
        },
        finest,
    })
}

/// Linear light of an 8-bit pixel.
fn linear(pixel: [u8; 3]) -> [f32; 3] {
    pixel.map(|code| quick_srgb_to_linear(f32::from(code) * (1.0 / 255.0)))
}

/// The bounded ratio of what a neighbourhood of one brightness sends.
fn average(
    cells: &Grid<Cell>,
    column: usize,
    row: usize,
    settings: &CompositeSettings,
) -> Option<[f32; 3]> {
    let own = cells.at(column, row).brightness;
    let (mut generated, mut reference, mut weight) = ([0.0_f32; 3], [0.0_f32; 3], 0.0_f32);
    for y in row.saturating_sub(RADIUS)..=(row + RADIUS).min(cells.height - 1) {
        let down = y as f32 - row as f32;
        for x in column.saturating_sub(RADIUS)..=(column + RADIUS).min(cells.width - 1) {
            let cell = &cells.cells[y * cells.width + x];
            let across = x as f32 - column as f32;
            let distance = (across * across + down * down) * (0.5 / (REACH * REACH));
            let apart = (cell.brightness - own) * (1.0 / EDGE);
            let alike = 1.0 / (1.0 + apart * apart);
            // A bell without an exponential: its shape matters little.
            let bell = 1.0 / (1.0 + distance * (1.0 + 0.5 * distance));
            let share = bell * alike * alike;
            for channel in 0..3 {
                generated[channel] += share * cell.generated[channel];
                reference[channel] += share * cell.reference[channel];
            }
            weight += share * cell.weight;
        }
    }
    if weight < 1e-3 {
        return None;
    }
    let veil = VEIL * weight;
    let darken = -(settings.soft_darken.max(0.0) as f32);
    let lighten = settings.soft_lighten.max(0.0) as f32;
    let brightness = ((luminance(generated) + veil) / (luminance(reference) + veil)).log2();
    let bounded = brightness.clamp(darken, lighten);
    let tint = MAX_TINT + TINT_OF_SHADOW * (-bounded).max(0.0);
    Some([0, 1, 2].map(|channel| {
        let ratio = ((generated[channel] + veil) / (reference[channel] + veil)).log2();
        bounded + (ratio - brightness).clamp(-tint, tint)
    }))
}

/// Cells that are wanted and have no ratio take the mean of their neighbours', a few cells far; beyond
/// there is none.
fn spread(mut ratios: Grid<Option<[f32; 3]>>, wanted: &Grid<bool>) -> Grid<[f32; 3]> {
    for _ in 0..3 {
        let before = ratios.clone();
        (ratios.cells.par_chunks_exact_mut(before.width))
            .enumerate()
            .for_each(|(y, ratios)| {
                for (x, ratio) in ratios.iter_mut().enumerate() {
                    if ratio.is_none() && wanted.at(x, y) {
                        *ratio = around(&before, x, y);
                    }
                }
            });
    }
    Grid {
        width: ratios.width,
        height: ratios.height,
        cells: (ratios.cells.iter())
            .map(|ratio| ratio.unwrap_or([0.0; 3]))
            .collect(),
    }
}

/// The mean of the ratios that the eight neighbours have.
fn around(ratios: &Grid<Option<[f32; 3]>>, x: usize, y: usize) -> Option<[f32; 3]> {
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for near_y in y.saturating_sub(1)..=(y + 1).min(ratios.height - 1) {
        for near_x in x.saturating_sub(1)..=(x + 1).min(ratios.width - 1) {
            if let Some(ratio) = ratios.at(near_x, near_y) {
                sum = [0, 1, 2].map(|channel| sum[channel] + ratio[channel]);
                count += 1.0;
            }
        }
    }
    (count > 0.0).then(|| sum.map(|sum| sum / count))
}

impl SoftRatio {
    /// The factors on linear light for a grid of any size: the ratio between the cells, kept from
    /// crossing edges of the photo's brightness there, times the weight of the mask.
    pub(super) fn factors(&self, weights: &Grid<f32>) -> Grid<[f32; 3]> {
        let (width, height) = (weights.width, weights.height);
        let brightness = enlarged(&self.finest, width, height);
        let columns = axis(self.ratios.width, width);
        let rows = axis(self.ratios.height, height);
        let mut factors = Grid::filled(width, height, [1.0; 3]);
        (factors.cells.par_chunks_exact_mut(width))
            .enumerate()
            .for_each(|(y, factors)| {
                let row = rows[y];
                for (x, factor) in factors.iter_mut().enumerate() {
                    let weight = (weights.at(x, y) * (1.0 / FULL_WEIGHT)).min(1.0);
                    if weight <= 0.0 {
                        continue;
                    }
                    let (column, own) = (columns[x], brightness.at(x, y));
                    let (mut sum, mut total) = ([0.0_f32; 3], 0.0_f32);
                    for (near_y, down) in [(row.low, 1.0 - row.share), (row.high, row.share)] {
                        for (near_x, across) in [
                            (column.low, 1.0 - column.share),
                            (column.high, column.share),
                        ] {
                            let apart = (self.brightness.at(near_x, near_y) - own) * (1.0 / EDGE);
                            let alike = 1.0 / (1.0 + apart * apart);
                            let share = (down * across + 1e-4) * alike * alike;
                            let ratio = self.ratios.at(near_x, near_y);
                            for channel in 0..3 {
                                sum[channel] += share * ratio[channel];
                            }
                            total += share;
                        }
                    }
                    *factor = sum.map(|sum| (sum / total.max(1e-12) * weight).exp2());
                }
            });
        factors
    }
}
