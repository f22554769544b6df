//! What moved between the exposures: places where an exposure shows other light than the reference
//! does. There the reference alone counts.

use rayon::prelude::*;

use super::radiance::{Decoder, Exposure};

/// Side of the square of pixels that is judged as one.
const CELL: usize = 4;

/// Light of a mean pixel below which it is too dark to be compared, and above which it may be clipped.
const COMPARABLE: [f32; 2] = [0.012, 0.72];

/// Difference from the reference at which a place counts as moved, EV.
const MOVED_EV: f32 = 0.75;

/// One mask for each exposure, at a quarter of the resolution.
#[derive(Debug)]
pub(super) struct Ghosts {
    width: usize,
    masks: Vec<Option<Vec<f32>>>,
    share: f64,
}

/// A row of a mask between two rows of cells.
pub(super) struct GhostRow<'a> {
    above: &'a [f32],
    below: &'a [f32],
    share: f32,
}

impl GhostRow<'_> {
    /// 0 (as the reference) to 1 (moved) at a pixel.
    pub(super) fn at(&self, x: usize) -> f32 {
        let position = ((x as f32 + 0.5) / CELL as f32 - 0.5).max(0.0);
        let cell = position as usize;
        let part = position - cell as f32;
        let along = |row: &[f32]| {
            let here = row.get(cell).copied().unwrap_or(0.0);
            let next = row.get(cell + 1).copied().unwrap_or(here);
            here + (next - here) * part
        };
        along(self.above) * (1.0 - self.share) + along(self.below) * self.share
    }
}

impl Ghosts {
    /// The mask of an exposure for this row; `None` where it shows nothing that moved.
    pub(super) fn row(&self, exposure: usize, y: usize) -> Option<GhostRow<'_>> {
        let mask = self.masks.get(exposure)?.as_ref()?;
        let rows = mask.len() / self.width;
        let position = ((y as f32 + 0.5) / CELL as f32 - 0.5).max(0.0);
        let above = (position as usize).min(rows - 1);
        let below = (above + 1).min(rows - 1);
        let row = |number: usize| mask.get(number * self.width..(number + 1) * self.width);
        Some(GhostRow {
            above: row(above)?,
            below: row(below)?,
            share: position - above as f32,
        })
    }

    /// Share of the picture in which some exposure does not count.
    pub(super) const fn share(&self) -> f64 {
        self.share
    }
}

/// Mean light of the cells.
fn cells(exposure: &Exposure<'_>, decoder: &Decoder) -> Vec<f32> {
    let picture = &exposure.picture;
    let (width, height) = (picture.width.div_ceil(CELL), picture.height.div_ceil(CELL));
    let rows: Vec<Vec<f32>> = (0..height)
        .into_par_iter()
        .map(|row| {
            let mut sums = vec![[0.0_f32; 2]; width];
            let mut line = Vec::new();
            for y in row * CELL..((row + 1) * CELL).min(picture.height) {
                decoder.row(picture, y, &mut line);
                for (sum, pixels) in sums.iter_mut().zip(line.chunks(CELL)) {
                    for [red, green, blue] in pixels {
                        sum[0] += red.max(*green).max(*blue);
                        sum[1] += 1.0;
                    }
                }
            }
            sums.into_iter().map(|[sum, count]| sum / count).collect()
        })
        .collect();
    rows.concat()
}

pub(super) fn masks(exposures: &[Exposure<'_>]) -> Ghosts {
    let width = exposures
        .first()
        .map_or(1, |exposure| exposure.picture.width.div_ceil(CELL));
    let decoder = Decoder::new(exposures);
    let light: Vec<Vec<f32>> = exposures
        .iter()
        .map(|exposure| cells(exposure, &decoder))
        .collect();
    let reference = exposures
        .iter()
        .position(|exposure| exposure.reference)
        .unwrap_or(0);
    let base = light.get(reference).map(Vec::as_slice).unwrap_or_default();
    let mut moved_anywhere = vec![false; base.len()];
    let masks = exposures
        .iter()
        .zip(&light)
        .map(|(exposure, own)| {
            if exposure.reference {
                return None;
            }
            let raw: Vec<f32> = own
                .iter()
                .zip(base)
                .map(|(&own, &base)| f32::from(u8::from(moved(own, base, exposure.gain as f32))))
                .collect();
            let mask = settle(&raw, width);
            let mut any = false;
            for (flag, value) in moved_anywhere.iter_mut().zip(&mask) {
                if *value > 0.5 {
                    *flag = true;
                    any = true;
                }
            }
            any.then_some(mask)
        })
        .collect();
    let count = moved_anywhere.iter().filter(|flag| **flag).count();
    Ghosts {
        width,
        masks,
        share: count as f64 / moved_anywhere.len().max(1) as f64,
    }
}

/// Whether an exposure's light contradicts the reference's.
fn moved(own: f32, base: f32, gain: f32) -> bool {
    let [dark, bright] = COMPARABLE;
    let expected = base * gain;
    if base > bright {
        // The reference may be clipped, so that the scene is at least this bright.
        return expected.min(1.0) > dark * 3.0 && own < expected.min(bright) * 0.5 && own < bright;
    }
    if base < dark {
        // Too dark in the reference to be seen: at most this bright.
        return own > dark.max(dark * gain) * 2.5 && own > 0.05;
    }
    if expected > bright {
        return own < bright * 0.5;
    }
    if expected < dark {
        return own > dark * 3.0;
    }
    (own / expected).log2().abs() > MOVED_EV
}

/// Single cells are noise or a border that lies a little differently; real movement fills a place.
/// Keeps cells whose neighbourhood agrees, then grows and softens them.
fn settle(raw: &[f32], width: usize) -> Vec<f32> {
    let mean = box_mean(raw, width, 2);
    let core: Vec<f32> = mean
        .iter()
        .map(|share| f32::from(u8::from(*share > 0.55)))
        .collect();
    let reach = box_mean(&core, width, 4);
    let grown: Vec<f32> = reach
        .iter()
        .zip(raw)
        .zip(&core)
        .map(|((reach, raw), core)| {
            if *core > 0.0 || (*reach > 0.0 && *raw > 0.0) {
                1.0
            } else {
                0.0
            }
        })
        .collect();
    let wide = box_mean(&grown, width, 2);
    let wide: Vec<f32> = wide
        .iter()
        .map(|share| f32::from(u8::from(*share > 0.02)))
        .collect();
    box_mean(&wide, width, 2)
}

/// Mean over a square of `2 radius + 1` cells, smaller at the border.
pub(super) fn box_mean(values: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let transposed_twice = |values: &[f32], width: usize| {
        let height = values.len() / width.max(1);
        let mut result = vec![0.0_f32; values.len()];
        for (y, row) in values.chunks_exact(width).enumerate() {
            let mut sum: f64 = row.iter().take(radius).map(|value| f64::from(*value)).sum();
            for x in 0..width {
                if let Some(entering) = row.get(x + radius) {
                    sum += f64::from(*entering);
                }
                if x > radius
                    && let Some(leaving) = row.get(x - radius - 1)
                {
                    sum -= f64::from(*leaving);
                }
                let count = (x + radius).min(width - 1) + 1 - x.saturating_sub(radius);
                if let Some(slot) = result.get_mut(x * height + y) {
                    *slot = (sum / count as f64) as f32;
                }
            }
        }
        result
    };
    let height = values.len() / width.max(1);
    let across = transposed_twice(values, width);
    transposed_twice(&across, height)
}
