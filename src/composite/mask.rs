//! What may change: the mask and the label map brought to one grid, protected surfaces taken out.

use rayon::prelude::*;

use super::error::CompositeError;
use super::grid::{Grid, axis, largest, mix, parts, touched};
use crate::domain::compositing::CompositeSettings;
use crate::domain::surface::Surface;
use crate::imaging::Plane;

/// How far protected surfaces are grown, in thousandths of the long side: a window frame's edge is
/// spread over the pixels beside it.
const PROTECTED_GROWTH: f64 = 1.0;

/// The mask that results from a worker's mask once protected surfaces are taken out.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectiveMask {
    /// 255 may change, 0 is the photo's, between may darken or tint.
    pub plane: Plane,
    /// Share of the frame that came with the mask, 0 to 1; soft bands count by half.
    pub masked_share: f64,
    /// Share of the frame that was taken out of it, 0 to 1; soft bands count by half.
    pub protected_share: f64,
}

/// Brings a mask to `width` by `height` pixels and takes the protected surfaces out of it. Where a
/// pixel of the result covers several of the mask and anything under it may change, it is not 0.
///
/// # Errors
/// [`CompositeError::MaskTooLarge`] where more than the settings allow would change,
/// [`CompositeError::MaskEmpty`] where nothing would, [`CompositeError::Proportions`] where mask or
/// labels show another section, and [`CompositeError::Incomplete`] for a plane without its samples.
pub fn effective_mask(
    mask: &Plane,
    labels: Option<&Plane>,
    settings: &CompositeSettings,
    width: usize,
    height: usize,
) -> Result<EffectiveMask, CompositeError> {
    check_plane("mask", mask, width, height)?;
    if let Some(labels) = labels {
        check_plane("label map", labels, width, height)?;
    }
    let layers = Layers::new(mask, labels, settings, width, height);
    let (masked_share, protected_share) = layers.shares(mask, settings)?;
    let samples = (layers.hard.cells.par_iter())
        .zip(&layers.soft.cells)
        .zip(&layers.protected.cells)
        .map(|((&hard, &soft), &protected)| {
            if protected {
                0
            } else if hard >= 0.5 {
                u8::MAX
            } else {
                (mix(soft, 1.0, hard) * 254.0).ceil().clamp(0.0, 254.0) as u8
            }
        })
        .collect();
    Ok(EffectiveMask {
        plane: Plane {
            width,
            height,
            samples,
        },
        masked_share,
        protected_share,
    })
}

/// Whether two sizes are one picture's, give or take one pixel or one percent of a side: workers round
/// to whole pixels, or to what their model takes.
pub(super) fn same_proportions(width: usize, height: usize, other: (usize, usize)) -> bool {
    let expected = width as f64 * other.1 as f64 / other.0.max(1) as f64;
    let expected_width = height as f64 * other.0 as f64 / other.1.max(1) as f64;
    let near = |side: usize, expected: f64| {
        (side as f64 - expected).abs() <= f64::max(1.0, 0.01 * side as f64)
    };
    width > 0 && height > 0 && (near(height, expected) || near(width, expected_width))
}

pub(super) fn check_plane(
    what: &'static str,
    plane: &Plane,
    width: usize,
    height: usize,
) -> Result<(), CompositeError> {
    if Some(plane.samples.len()) != plane.width.checked_mul(plane.height) || width * height == 0 {
        return Err(CompositeError::Incomplete { what });
    }
    if !same_proportions(plane.width, plane.height, (width, height)) {
        return Err(CompositeError::Proportions {
            what,
            width: plane.width,
            height: plane.height,
            photo_width: width,
            photo_height: height,
        });
    }
    Ok(())
}

/// The mask taken apart, on one grid.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    /// Share of the cell that may change altogether, 0 to 1.
    pub(super) hard: Grid<f32>,
    /// Weight of the soft band in the rest of the cell, 0 to 1.
    pub(super) soft: Grid<f32>,
    /// Whether the cell touches or lies beside a protected surface.
    pub(super) protected: Grid<bool>,
}

impl Layers {
    pub(super) fn new(
        mask: &Plane,
        labels: Option<&Plane>,
        settings: &CompositeSettings,
        width: usize,
        height: usize,
    ) -> Self {
        let (hard, soft) = if mask.width >= width && mask.height >= height {
            reduced(mask, width, height)
        } else {
            enlarged(mask, width, height)
        };
        let protected = labels.map_or_else(
            || Grid::filled(width, height, false),
            |labels| protected(labels, &settings.protected, width, height),
        );
        Self {
            hard,
            soft,
            protected,
        }
    }

    /// The share that came with the mask and the share that was taken out.
    ///
    /// # Errors
    /// Where too much or nothing is left.
    pub(super) fn shares(
        &self,
        mask: &Plane,
        settings: &CompositeSettings,
    ) -> Result<(f64, f64), CompositeError> {
        let (mut hard, mut soft) = (0_u64, 0_u64);
        for &sample in &mask.samples {
            hard += u64::from(sample == u8::MAX);
            soft += u64::from(sample != 0 && sample != u8::MAX);
        }
        let masked = (hard as f64 + 0.5 * soft as f64) / mask.samples.len().max(1) as f64;
        let (mut all, mut removed, mut left) = (0.0_f64, 0.0_f64, false);
        for ((&hard, &soft), &protected) in (self.hard.cells.iter())
            .zip(&self.soft.cells)
            .zip(&self.protected.cells)
        {
            let soft = if soft > 0.0 { 0.5 } else { 0.0 };
            let part = f64::from(mix(soft, 1.0, hard));
            all += part;
            if protected {
                removed += part;
            } else {
                left |= part > 0.0;
            }
        }
        if !left || masked == 0.0 {
            return Err(CompositeError::MaskEmpty);
        }
        // In the mask's own count, so that the share does not depend on the size of this grid.
        let kept = masked * (1.0 - removed / all.max(f64::MIN_POSITIVE));
        if kept > settings.max_masked_share {
            return Err(CompositeError::MaskTooLarge {
                share: kept,
                limit: settings.max_masked_share,
            });
        }
        Ok((masked, masked - kept))
    }
}

/// Each cell from its own part of a larger mask.
fn reduced(mask: &Plane, width: usize, height: usize) -> (Grid<f32>, Grid<f32>) {
    let columns = parts(mask.width, width);
    let rows = parts(mask.height, height);
    let mut hard = Grid::filled(width, height, 0.0);
    let mut soft = Grid::filled(width, height, 0.0);
    (hard.cells.par_chunks_exact_mut(width))
        .zip(soft.cells.par_chunks_exact_mut(width))
        .zip(rows)
        .for_each(|((hard, soft), rows)| {
            for ((hard, soft), columns) in hard.iter_mut().zip(soft).zip(&columns) {
                let (mut full, mut band, mut count) = (0_u32, 0_u32, 0_u32);
                for y in rows.clone() {
                    let start = y * mask.width;
                    for &sample in &mask.samples[start + columns.start..start + columns.end] {
                        count += 1;
                        if sample == u8::MAX {
                            full += 1;
                        } else {
                            band += u32::from(sample);
                        }
                    }
                }
                *hard = full as f32 / count.max(1) as f32;
                *soft = band as f32 / (255 * (count - full).max(1)) as f32;
            }
        });
    (hard, soft)
}

/// Each cell between four samples of a smaller mask.
fn enlarged(mask: &Plane, width: usize, height: usize) -> (Grid<f32>, Grid<f32>) {
    let columns = axis(mask.width, width);
    let rows = axis(mask.height, height);
    let mut hard = Grid::filled(width, height, 0.0);
    let mut soft = Grid::filled(width, height, 0.0);
    (hard.cells.par_chunks_exact_mut(width))
        .zip(soft.cells.par_chunks_exact_mut(width))
        .zip(rows)
        .for_each(|((hard, soft), row)| {
            for ((hard, soft), column) in hard.iter_mut().zip(soft).zip(&columns) {
                let (mut full, mut band) = (0.0, 0.0);
                for (y, down) in [(row.low, 1.0 - row.share), (row.high, row.share)] {
                    for (x, across) in [
                        (column.low, 1.0 - column.share),
                        (column.high, column.share),
                    ] {
                        let sample = mask.samples[y * mask.width + x];
                        if sample == u8::MAX {
                            full += down * across;
                        } else {
                            band += down * across * f32::from(sample);
                        }
                    }
                }
                *hard = full;
                *soft = if band > 0.0 {
                    band / (255.0 * (1.0 - full).max(1e-3))
                } else {
                    0.0
                };
            }
        });
    (hard, soft)
}

/// Cells that touch a protected surface, grown.
fn protected(labels: &Plane, surfaces: &[Surface], width: usize, height: usize) -> Grid<bool> {
    let mut listed = [false; 256];
    for surface in surfaces {
        listed[usize::from(surface.value())] = true;
    }
    let columns = touched(labels.width, width);
    let rows = touched(labels.height, height);
    let mut found = Grid::filled(width, height, false);
    (found.cells.par_chunks_exact_mut(width))
        .zip(rows)
        .for_each(|(found, rows)| {
            for (found, columns) in found.iter_mut().zip(&columns) {
                *found = rows.clone().any(|y| {
                    let start = y * labels.width;
                    labels.samples[start + columns.start..start + columns.end]
                        .iter()
                        .any(|&label| listed[usize::from(label)])
                });
            }
        });
    let growth = (PROTECTED_GROWTH * width.max(height) as f64 / 1000.0).round() as usize;
    // One cell more than the growth: a pixel of the photo between two cells takes from both.
    largest(&found, growth + 1)
}
