//! Generated pixels put back into the photo at its native size: the worker's picture is small and its
//! walls moved, so only what the mask lets change is taken from it, matched in tone and grain, and
//! everything else is the photo's own, bit for bit.

mod blend;
mod error;
mod grain;
mod grid;
mod mask;
mod soft;
mod tone;

use std::borrow::Cow;

use rayon::prelude::*;

pub use error::CompositeError;
pub use mask::{EffectiveMask, effective_mask};

use blend::{Blend, Control};
use grid::{Grid, axis, box_counts, box_sums, largest, mix};
use mask::{Layers, check_plane, same_proportions};

use crate::domain::compositing::{CompositeReport, CompositeSettings};
use crate::imaging::{Picture, Plane, Samples, resize};

/// Masks with a longer side than this and than the generated picture's are worked on at this size.
const FINEST_CONTROL: usize = 1536;
/// Difference in code values, averaged over neighbours, up to which the photo's own pixels stay.
const SAME: f32 = 3.0;
/// Difference from which the generated ones are taken altogether.
const DIFFERENT: f32 = 9.0;
/// How far around a difference the generated pixels are taken, in pixels of the generated picture.
const DIFFERENCE_REACH: usize = 3;
/// Stands for a distance that plays no part; finite, so that it can be interpolated.
const FAR: f32 = 1e6;
/// Distance from the mask in cells up to which it is smoothed.
const SMOOTHED_TO: f32 = 8.0;
/// How far from the mask grain is measured, in thousandths of the long side.
const GRAIN_REACH: f64 = 40.0;

/// What is put together.
#[derive(Clone, Copy, Debug)]
pub struct CompositeRequest<'a> {
    /// The enhanced photo at native size, 8 or 16 bits.
    pub photo: &'a Picture,
    /// The worker's picture, usually 512 to 1536 pixels on the long side, of the photo's proportions.
    pub generated: &'a Picture,
    /// What the worker was allowed to change, at any size of the photo's proportions: 255 may change, 0
    /// is the original's, and between lies the soft band that may darken or tint and not be redrawn.
    pub mask: &'a Plane,
    /// What the photo shows, at any size of its proportions: values of
    /// [`Surface`](crate::domain::surface::Surface).
    pub labels: Option<&'a Plane>,
}

/// A photo with the generated pixels put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// The picture at the photo's size, 8 bits.
    pub picture: Picture,
    /// How much was changed, at the photo's size: where it is 0 the picture is the photo bit for bit (a
    /// photo of 16 bits rounded), 255 is fully generated, up to 128 is a soft band.
    pub changed: Plane,
    /// What was done.
    pub report: CompositeReport,
}

/// Puts the generated pixels into the photo. The same input gives the same bytes on any number of
/// threads.
///
/// # Errors
/// [`CompositeError`] for a mask that lets too much or nothing change, for pictures that show another
/// section than the photo, and for damaged ones.
pub fn composite(
    request: &CompositeRequest<'_>,
    settings: &CompositeSettings,
) -> Result<Composite, CompositeError> {
    check(request)?;
    let photo = request.photo;
    let generated = at_most(request.generated, photo.width, photo.height)?;
    let (width, height) = (generated.width, generated.height);
    let generated = eight(generated);
    let reference = eight(resized("photo", photo, width, height)?);

    // Everything is measured at the generated picture's size; the mask keeps its own where that is more.
    let layers = Layers::new(request.mask, request.labels, settings, width, height);
    let (masked_share, protected_share) = layers.shares(request.mask, settings)?;
    let finer = finer(request.mask, (width, height), (photo.width, photo.height));
    let control_layers = finer
        .map(|(width, height)| Layers::new(request.mask, request.labels, settings, width, height));
    let control_layers = control_layers.as_ref().unwrap_or(&layers);

    let matched = tone::match_tone(&generated, &reference, &layers);
    let differs = differences(&matched.picture, &reference);
    let soft = soft::measure(&matched.picture, &reference, &layers, settings);
    let long_side = photo.width.max(photo.height) as f64;
    let feather = (settings.feather.max(0.0) * long_side / 1000.0).max(1.0) as f32;
    let control = control(
        control_layers,
        &differs,
        soft.as_ref(),
        photo.width as f32 / control_layers.hard.width as f32,
        feather,
    );
    let (beside, inside) = seam(&layers);
    let scale = photo.width as f64 / width as f64;
    let grain = grain::measure(photo, &beside, &matched.picture, &inside, scale);
    let blended = Blend {
        photo,
        generated: &matched.picture,
        control: &control,
        grain: &grain,
        feather,
    }
    .run();
    Ok(Composite {
        report: CompositeReport {
            masked_share,
            protected_share,
            touched_share: blended.touched as f64 / photo.pixels() as f64,
            gains: matched.gains,
            grain: blended.grain,
        },
        picture: blended.picture,
        changed: blended.changed,
    })
}

fn check(request: &CompositeRequest<'_>) -> Result<(), CompositeError> {
    for (what, picture) in [
        ("photo", request.photo),
        ("generated picture", request.generated),
    ] {
        let count = match &picture.samples {
            Samples::Eight(samples) => samples.len(),
            Samples::Sixteen(samples) => samples.len(),
        };
        let expected = picture
            .width
            .checked_mul(picture.height)
            .and_then(|pixels| pixels.checked_mul(3));
        if count == 0 || expected != Some(count) {
            return Err(CompositeError::Incomplete { what });
        }
    }
    let (width, height) = (request.photo.width, request.photo.height);
    let generated = request.generated;
    if !same_proportions(generated.width, generated.height, (width, height)) {
        return Err(CompositeError::Proportions {
            what: "generated picture",
            width: generated.width,
            height: generated.height,
            photo_width: width,
            photo_height: height,
        });
    }
    check_plane("mask", request.mask, width, height)?;
    request.labels.map_or(Ok(()), |labels| {
        check_plane("label map", labels, width, height)
    })
}

fn resized(
    what: &'static str,
    picture: &Picture,
    width: usize,
    height: usize,
) -> Result<Picture, CompositeError> {
    resize(picture, width, height).map_err(|error| CompositeError::Resize {
        what,
        reason: error.to_string(),
    })
}

/// The generated picture, no larger than the photo.
fn at_most(picture: &Picture, width: usize, height: usize) -> Result<Picture, CompositeError> {
    let (width, height) = (picture.width.min(width), picture.height.min(height));
    resized("generated picture", picture, width, height)
}

fn eight(picture: Picture) -> Vec<u8> {
    match picture.into_eight().samples {
        Samples::Eight(samples) => samples,
        // `into_eight` leaves none of these.
        Samples::Sixteen(_) => Vec::new(),
    }
}

/// The size at which a mask that is finer than the generated picture is used.
fn finer(mask: &Plane, size: (usize, usize), photo: (usize, usize)) -> Option<(usize, usize)> {
    let side = mask.width.max(mask.height).min(FINEST_CONTROL);
    let own = size.0.max(size.1);
    if side <= own || photo.0.max(photo.1) <= own {
        return None;
    }
    let long_side = photo.0.max(photo.1);
    let side = side.min(long_side);
    let scaled = |length: usize| (length * side).div_ceil(long_side).max(1);
    Some((scaled(photo.0), scaled(photo.1)))
}

/// Where the generated picture shows something else than the photo, 0 to 1, with some room around.
/// Where it does not, the photo's own pixels show the same and are sharper.
fn differences(generated: &Grid<[f32; 4]>, reference: &[u8]) -> Grid<f32> {
    let (width, height) = (generated.width, generated.height);
    let mut apart = Grid::filled(width, height, 0.0_f32);
    (apart.cells.par_chunks_exact_mut(width))
        .zip(generated.cells.par_chunks_exact(width))
        .zip(reference.par_chunks_exact(3 * width))
        .for_each(|((apart, new), own)| {
            let own = own.as_chunks::<3>().0;
            for ((apart, new), own) in apart.iter_mut().zip(new).zip(own) {
                for (new, &own) in new.iter().zip(own) {
                    *apart = apart.max((new - f32::from(own)).abs());
                }
            }
        });
    let (columns, rows) = (box_counts(width, 1), box_counts(height, 1));
    let mut mean = box_sums(&apart, 1);
    (mean.cells.par_chunks_exact_mut(width))
        .zip(&rows)
        .for_each(|(means, row)| {
            for (mean, column) in means.iter_mut().zip(&columns) {
                let mean_difference = *mean / (row * column);
                let place = ((mean_difference - SAME) / (DIFFERENT - SAME)).clamp(0.0, 1.0);
                *mean = place * place * (3.0 - 2.0 * place);
            }
        });
    let mut around = box_sums(&largest(&mean, DIFFERENCE_REACH), 1);
    (around.cells.par_chunks_exact_mut(width))
        .zip(&rows)
        .for_each(|(around, row)| {
            for (around, column) in around.iter_mut().zip(&columns) {
                // What moving sums leave over is no difference.
                let share = *around / (row * column);
                *around = if share > 1e-4 { share.min(1.0) } else { 0.0 };
            }
        });
    around
}

/// What each place lets change; `scale` is the size of a cell in pixels of the photo, `feather` the width
/// of the feather in these.
fn control<'a>(
    layers: &'a Layers,
    differs: &'a Grid<f32>,
    soft: Option<&soft::SoftRatio>,
    scale: f32,
    feather: f32,
) -> Control<'a> {
    let (width, height) = (layers.hard.width, layers.hard.height);
    let reach = (feather / scale).max(SMOOTHED_TO).ceil() as usize + 3;
    let distance = distances(&layers.hard, reach);
    let differs = enlarged(differs, width, height);
    let factors = soft.map(|soft| {
        // The soft band goes on under the feather of what is generated.
        let reaching = largest(&layers.soft, 2);
        let mut weights = layers.soft.clone();
        (weights.cells.par_iter_mut())
            .with_min_len(4096)
            .zip(&reaching.cells)
            .zip(&layers.hard.cells)
            .filter(|(_, hard)| **hard > 0.0)
            .for_each(|((weight, &reaching), _)| *weight = reaching);
        soft.factors(&weights)
    });
    Control {
        distance,
        scale,
        protected: &layers.protected,
        differs,
        factors,
    }
}

fn enlarged(grid: &Grid<f32>, width: usize, height: usize) -> Cow<'_, Grid<f32>> {
    if (grid.width, grid.height) == (width, height) {
        return Cow::Borrowed(grid);
    }
    let (columns, rows) = (axis(grid.width, width), axis(grid.height, height));
    let mut result = Grid::filled(width, height, 0.0);
    (result.cells.par_chunks_exact_mut(width))
        .zip(rows)
        .for_each(|(target, row)| {
            let (low, high) = (grid.row(row.low), grid.row(row.high));
            for (target, column) in target.iter_mut().zip(&columns) {
                let at = |row: &[f32]| mix(row[column.low], row[column.high], column.share);
                *target = mix(at(low), at(high), row.share);
            }
        });
    Cow::Owned(result)
}

/// Distance of each cell to the mask's edge in cells, negative inside, up to `reach` cells away and
/// [`FAR`] beyond, smoothed near it, so that the edge is no staircase once enlarged.
fn distances(hard: &Grid<f32>, reach: usize) -> Grid<f32> {
    let (width, height) = (hard.width, hard.height);
    // Along the rows first: each cell's distance to the mask within its own row, squared.
    let mut along = Grid::filled(width, height, FAR * FAR);
    (along.cells.par_chunks_exact_mut(width))
        .zip(hard.cells.par_chunks_exact(width))
        .for_each(|(along, hard)| {
            let mut last = None;
            for (x, (along, hard)) in along.iter_mut().zip(hard).enumerate() {
                last = if *hard >= 0.5 { Some(x) } else { last };
                if let Some(steps) = last.map(|last| x - last).filter(|steps| *steps <= reach) {
                    *along = (steps * steps) as f32;
                }
            }
            let mut next = None;
            for (x, (along, hard)) in along.iter_mut().zip(hard).enumerate().rev() {
                next = if *hard >= 0.5 { Some(x) } else { next };
                if let Some(steps) = next.map(|next| next - x).filter(|steps| *steps <= reach) {
                    *along = along.min((steps * steps) as f32);
                }
            }
        });
    let near_rows: Vec<bool> = (along.cells.par_chunks_exact(width))
        .map(|row| row.iter().any(|squared| *squared < FAR * FAR))
        .collect();
    let mut distance = Grid::filled(width, height, FAR * FAR);
    (distance.cells.par_chunks_exact_mut(width))
        .enumerate()
        .for_each(|(y, distance)| {
            let rows = y.saturating_sub(reach)..=(y + reach).min(height - 1);
            for other in rows.filter(|&other| near_rows[other]) {
                let down = (y.abs_diff(other) * y.abs_diff(other)) as f32;
                for (distance, along) in distance.iter_mut().zip(along.row(other)) {
                    let squared = along + down;
                    *distance = if squared < *distance {
                        squared
                    } else {
                        *distance
                    };
                }
            }
            for distance in distance {
                *distance = distance.sqrt();
            }
        });
    // From the edge instead of from the nearest cell's centre; inside two steps are enough.
    let outside = largest(&distance, 1);
    (distance.cells.par_iter_mut())
        .with_min_len(4096)
        .zip(&outside.cells)
        .for_each(|(value, outside)| {
            *value = match (*value, *outside) {
                (0.0, 0.0) => -1.5,
                (0.0, _) => -0.5,
                (value, _) => value - 0.5,
            };
        });
    smoothed(&distance)
}

/// Smoothed by the 3x3 binomial kernel near the edge.
fn smoothed(grid: &Grid<f32>) -> Grid<f32> {
    let (width, height) = (grid.width, grid.height);
    let mut result = grid.clone();
    (result.cells.par_chunks_exact_mut(width))
        .enumerate()
        .for_each(|(y, target)| {
            let above = grid.row(y.saturating_sub(1));
            let own = grid.row(y);
            let below = grid.row((y + 1).min(height - 1));
            for (x, target) in target.iter_mut().enumerate() {
                if own[x] > SMOOTHED_TO || own[x] < -1.0 {
                    continue;
                }
                let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
                let down = |x: usize| above[x] + 2.0 * own[x] + below[x];
                *target = (down(left) + 2.0 * down(x) + down(right)) * (1.0 / 16.0);
            }
        });
    result
}

/// Cells beside the mask, where the photo's grain is measured, and those inside.
fn seam(layers: &Layers) -> (Grid<bool>, Grid<bool>) {
    let (width, height) = (layers.hard.width, layers.hard.height);
    let reach = (GRAIN_REACH * width.max(height) as f64 / 1000.0).ceil() as usize;
    let inside = Grid {
        width,
        height,
        cells: layers.hard.cells.iter().map(|hard| *hard >= 1.0).collect(),
    };
    let near = box_sums(&layers.hard, reach.max(1));
    let beside = Grid {
        width,
        height,
        cells: (near.cells.iter())
            .zip(&layers.hard.cells)
            .map(|(near, hard)| *near > 0.5 && *hard <= 0.0)
            .collect(),
    };
    (beside, inside)
}

#[cfg(test)]
mod tests;
