//! What moved between the exposures. Each exposure is compared with what the reference can explain, colour by
//! colour, within what noise, rounding, compression and a small misalignment allow; where the reference is clipped
//! or black the others are compared with each other. Places that differ are followed to their ends, and every
//! region is taken whole from one exposure, together with those that agree with it all over the region, so that
//! no pixel mixes two things. Where the reference is clipped that is an exposure that agrees with all that the
//! reference shows of the region; where there is none the place stays clipped.

mod cells;
mod doubt;
mod region;
mod response;

use std::sync::OnceLock;

use cells::Cells;
use rayon::prelude::*;
use region::Region;
use response::Response;

use super::radiance::{Decoder, Exposure};

/// Side of the square of pixels that is judged as one.
const CELL: usize = 4;

/// Cells by which a region reaches beyond what differs, so that its soft border lies where all agree.
const MARGIN: usize = 2;

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
    /// 0 (it counts as everywhere) to 1 (it shows something else) at a pixel; below 0 where it is the one exposure
    /// that a region is taken from.
    pub(super) fn at(&self, x: usize) -> f32 {
        let position = ((x as f32 + 0.5) / CELL as f32 - 0.5).max(0.0);
        let cell = position as usize;
        let part = position - cell as f32;
        let along = |row: &[f32]| {
            let here = row.get(cell).copied().unwrap_or(0.0);
            let next = row.get(cell + 1).copied().unwrap_or(here);
            here + (next - here) * part
        };
        let value = along(self.above) * (1.0 - self.share) + along(self.below) * self.share;
        // Rounding may lead beyond 1, and a weight below 0 would turn a clipped place black.
        value.clamp(-1.0, 1.0)
    }
}

impl Ghosts {
    /// The mask of an exposure for this row; `None` where it counts everywhere.
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

pub(super) fn masks(exposures: &[Exposure<'_>]) -> Ghosts {
    let decoder = Decoder::new(exposures);
    let cells: Vec<Cells> = exposures
        .iter()
        .map(|exposure| Cells::of(exposure, &decoder))
        .collect();
    let scene = Scene::new(exposures, cells);
    let moved = scene.moved();
    let width = scene.width();
    let mut masks: Vec<Option<Vec<f32>>> = vec![None; exposures.len()];
    let mut count = 0;
    for region in region::regions(&moved, width) {
        count += region.cells.len();
        scene.take_from_one(&region, &mut masks);
    }
    for mask in masks.iter_mut().flatten() {
        soften(mask, width);
    }
    scene.leave_doubted(&mut masks);
    scene.leave_clipped(&mut masks);
    Ghosts {
        width,
        masks,
        share: count as f64 / moved.len().max(1) as f64,
    }
}

/// Lets a mask end softly, outwards only.
fn soften(mask: &mut [f32], width: usize) {
    let positive: Vec<f32> = mask.iter().map(|value| value.max(0.0)).collect();
    for (value, around) in mask.iter_mut().zip(box_mean(&positive, width, 1)) {
        if *value == 0.0 {
            *value = around;
        }
    }
}

/// All exposures as cells, and how each is explained by each.
struct Scene {
    cells: Vec<Cells>,
    gains: Vec<f64>,
    reference: usize,
    /// From one exposure to another, at `from * exposures + to`; measured when first asked for.
    responses: Vec<OnceLock<Response>>,
}

/// One part in so many of a cell's pixels is clipped where the cell does not count any more.
const CLIPPED_AROUND: f32 = 3.0;
/// Share of a region's cells that an exposure must show unclipped to be what the region is taken from.
const USABLE: f64 = 0.5;
/// Share of a region's cells in which an exposure may differ and still count as the same.
const SAME: f64 = 0.01;
/// The same for the clipped reference, as a share of the cells that it shows.
const NEARLY_SAME: f64 = 0.05;

impl Scene {
    fn new(exposures: &[Exposure<'_>], cells: Vec<Cells>) -> Self {
        let pairs = exposures.len() * exposures.len();
        Self {
            responses: (0..pairs).map(|_| OnceLock::new()).collect(),
            cells,
            gains: exposures.iter().map(|exposure| exposure.gain).collect(),
            reference: exposures
                .iter()
                .position(|exposure| exposure.reference)
                .unwrap_or(0),
        }
    }

    fn width(&self) -> usize {
        self.cells.first().map_or(1, |cells| cells.width)
    }

    fn response(&self, from: usize, to: usize) -> Option<(&Response, &Cells, &Cells)> {
        let (from_cells, to_cells) = (self.cells.get(from)?, self.cells.get(to)?);
        let gain = self.gains.get(to)? / self.gains.get(from)?;
        let slot = self.responses.get(from * self.cells.len() + to)?;
        let response = slot.get_or_init(|| Response::measure(from_cells, to_cells, gain));
        Some((response, from_cells, to_cells))
    }

    /// How far each cell of `to` lies beyond what `from` explains.
    fn gaps(&self, from: usize, to: usize) -> Vec<f32> {
        let Some((response, from, to)) = self.response(from, to) else {
            return Vec::new();
        };
        (0..from.len())
            .into_par_iter()
            .map(|index| response.gap(from, to, index, 1.0))
            .collect()
    }

    /// The greatest contradiction of each cell.
    fn moved(&self) -> Vec<f32> {
        let mut moved = vec![0.0_f32; self.cells.first().map_or(0, Cells::len)];
        let mut order: Vec<usize> = (0..self.cells.len()).collect();
        order.sort_by(|&one, &other| {
            let gain = |index: usize| self.gains.get(index).copied().unwrap_or(1.0);
            gain(one).total_cmp(&gain(other))
        });
        for &exposure in order.iter().filter(|&&exposure| exposure != self.reference) {
            for (moved, gap) in moved.iter_mut().zip(self.gaps(self.reference, exposure)) {
                *moved = moved.max(gap);
            }
        }
        // Where the reference tells nothing the others speak for themselves.
        order.retain(|&exposure| exposure != self.reference);
        let Some(reference) = self.cells.get(self.reference) else {
            return moved;
        };
        for pair in order.windows(2) {
            let &[darker, brighter] = pair else { continue };
            for (index, (moved, gap)) in moved
                .iter_mut()
                .zip(self.gaps(darker, brighter))
                .enumerate()
            {
                if !reference.tells(index) {
                    *moved = moved.max(gap);
                }
            }
        }
        moved
    }

    /// Of the cells of the region that the reference shows, the share in which an exposure contradicts it.
    fn contradicts(&self, region: &Region, exposure: usize) -> f64 {
        let Some((response, from, to)) = self.response(self.reference, exposure) else {
            return 1.0;
        };
        let shown = region.cells.iter().filter(|index| from.tells(**index));
        let (mut count, mut differ) = (0.0, 0.0);
        for &index in shown {
            count += 1.0;
            differ += f64::from(u8::from(response.gap(from, to, index, 1.0) > region::WEAK));
        }
        differ / f64::max(count, 1.0)
    }

    /// Cells of the region in which `to` contradicts `from`.
    fn conflicts(&self, region: &Region, from: usize, to: usize) -> f64 {
        let Some((response, from, to)) = self.response(from, to) else {
            return 0.0;
        };
        let differs = |index: &&usize| response.gap(from, to, **index, 1.0) > region::WEAK;
        region.cells.iter().filter(differs).count() as f64
    }

    fn usable(&self, region: &Region, exposure: usize) -> f64 {
        let Some(cells) = self.cells.get(exposure) else {
            return 0.0;
        };
        let tells = |index: &&usize| cells.tells(**index);
        region.cells.iter().filter(tells).count() as f64 / region.cells.len().max(1) as f64
    }

    /// The exposure that a region is taken from: the reference where it shows it, else the one nearest in
    /// brightness that does and does not contradict the reference; the reference, clipped, where there is none.
    fn source(&self, region: &Region) -> usize {
        let reference = self.reference;
        if self.usable(region, reference) >= USABLE {
            return reference;
        }
        let own = self.gains.get(reference).copied().unwrap_or(1.0);
        let far = |index: usize| {
            let gain = self.gains.get(index).copied().unwrap_or(1.0);
            (gain / own).log2().abs()
        };
        (0..self.cells.len())
            .filter(|&index| index != reference && self.usable(region, index) >= USABLE)
            .filter(|&index| self.contradicts(region, index) <= NEARLY_SAME)
            .min_by(|&one, &other| far(one).total_cmp(&far(other)))
            .unwrap_or(reference)
    }

    /// Fades every exposure that is brighter than the reference out where it, or one that is darker, is clipped: what
    /// is left between clipped pixels there is a sharpened edge, the rim of a thing that is itself clipped, or something
    /// else, and far too dark.
    fn leave_clipped(&self, masks: &mut [Option<Vec<f32>>]) {
        let gain = |index: usize| self.gains.get(index).copied().unwrap_or(1.0);
        for (index, (cells, mask)) in self.cells.iter().zip(masks).enumerate() {
            if gain(index) <= gain(self.reference) {
                continue;
            }
            let darker: Vec<&Cells> = (0..self.cells.len())
                .filter(|&other| gain(other) < gain(index))
                .filter_map(|other| self.cells.get(other))
                .collect();
            let mask = mask.get_or_insert_with(|| vec![0.0; cells.len()]);
            for (cell, value) in mask.iter_mut().enumerate() {
                let clipped = darker.iter().map(|darker| darker.clipped(cell));
                let clipped = clipped.fold(cells.clipped(cell), f32::max);
                if *value >= 0.0 {
                    *value = value.max((clipped * CLIPPED_AROUND).min(1.0));
                }
            }
        }
    }

    /// Masks every exposure in the region that shows something else than the one it is taken from.
    fn take_from_one(&self, region: &Region, masks: &mut [Option<Vec<f32>>]) {
        let source = self.source(region);
        let allowed = (SAME * region.cells.len() as f64).max(3.0);
        let cells = self.cells.first().map_or(0, Cells::len);
        for (index, mask) in masks.iter_mut().enumerate() {
            let value = if index == source {
                -1.0
            } else if self.conflicts(region, source, index) > allowed {
                1.0
            } else {
                continue;
            };
            let mask = mask.get_or_insert_with(|| vec![0.0; cells]);
            for &cell in &region.cells {
                if let Some(slot) = mask.get_mut(cell) {
                    *slot = value;
                }
            }
        }
    }
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
